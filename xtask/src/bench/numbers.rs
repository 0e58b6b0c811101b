//! Medians, ratios, and how a figure is written.

use super::measure::Sample;

/// The middle of what was measured, or the mean of the two in the middle. `None`: nothing was.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Which of a sample's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Wall,
    Cpu,
    Memory,
}

impl Metric {
    pub(super) fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Wall => sample.wall,
            Self::Cpu => sample.cpu,
            Self::Memory => sample.memory,
        }
    }
}

/// What the samples of one cell come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

pub(super) fn figure(samples: &[Sample], metric: Metric) -> Option<Figure> {
    let values: Vec<_> = samples.iter().map(|sample| metric.of(sample)).collect();
    Some(Figure {
        median: median(&values)?,
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// Three significant digits, or all before the point.
pub(super) fn written(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn a_figure_has_its_spread() {
        let sample = |wall| Sample { wall, cpu: 0.0, memory: 1.0 };
        let samples = [sample(2.0), sample(1.0), sample(5.0)];
        assert_eq!(figure(&samples, Metric::Wall), Some(Figure { median: 2.0, least: 1.0, most: 5.0 }));
        assert_eq!(figure(&[], Metric::Cpu), None);
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, wanted) in [
            (0.123_45, "0.123"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (123.4, "123"),
            (99.97, "100"),
            (0.9999, "1.00"),
        ] {
            assert_eq!(written(value), wanted);
        }
    }
}
