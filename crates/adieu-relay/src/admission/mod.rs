//! Who may connect.

use adieu::Address;
use std::fmt;
use std::sync::Arc;

/// Who may connect. By default everybody.
#[derive(Clone, Default)]
pub struct Admission {
    filter: Option<Filter>,
}

type Filter = Arc<dyn Fn(&Address) -> bool + Send + Sync>;

impl Admission {
    /// Everybody may connect.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets in only whom `lets_in` is true for. It is called by the workers, so it must not block.
    #[must_use]
    pub fn filter(mut self, lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(lets_in));
        self
    }

    /// Whether this client is let in.
    pub(crate) fn lets_in(&self, client: &Address) -> bool {
        self.filter.as_ref().is_none_or(|lets_in| lets_in(client))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("is_filtered", &self.filter.is_some()).finish()
    }
}
