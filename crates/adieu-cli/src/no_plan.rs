//! Why a command line becomes no plan, and how the process then ends.
//!
//! A plan is complete before anything is created, emptied, resolved or connected, so a command line that is refused leaves
//! everything as it was.

use crate::exit::ExitStatus;
use crate::hints;
use crate::options::reporting::Reports;
use crate::printer::{Printer, complain, complain_with};
use adieu_transfer::TransferReport;

/// Why nothing is run.
pub(crate) enum NoPlan {
    /// The command line is wrong, or what it names cannot be used.
    Refused { why: String, hint: Option<String> },
    /// A file is wrong, in one place or several.
    RefusedAll { whys: Vec<String> },
    /// Our own system refused something before there could be a report.
    Failed { why: String },
    /// A transfer has ended while it was planned. This has a report, as every end of a transfer has.
    Ended(Box<Ended>),
}

/// The end of a transfer that was never run.
pub(crate) struct Ended {
    pub(crate) report: TransferReport,
    pub(crate) hint: Option<String>,
    pub(crate) reports: Reports,
}

impl NoPlan {
    /// A usage error.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into(), hint: None }
    }

    /// Says it, and gives the exit status.
    pub(crate) fn conclude(self) -> ExitStatus {
        match self {
            Self::Refused { why, hint } => {
                complain_with(&why, hint.as_deref());
                ExitStatus::Usage
            }
            Self::RefusedAll { whys } => {
                for why in &whys {
                    complain(why);
                }
                ExitStatus::Usage
            }
            Self::Failed { why } => {
                complain(&why);
                ExitStatus::LocalFailure
            }
            Self::Ended(ended) => match Printer::new(&ended.reports) {
                Ok(printer) => printer.transfer_with(&ended.report, ended.hint.as_deref()),
                Err(why) => Self::Failed { why }.conclude(),
            },
        }
    }
}

/// A usage error, with its causes.
impl From<anyhow::Error> for NoPlan {
    fn from(error: anyhow::Error) -> Self {
        Self::refused(format!("{error:#}"))
    }
}

/// Options that make no sense together, or not for this endpoint.
impl From<adieu::OptionError> for NoPlan {
    fn from(error: adieu::OptionError) -> Self {
        Self::refused(error.words().called(hints::option).to_string())
    }
}
