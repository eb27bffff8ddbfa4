//! Samples of durations, and rows made of them.

use std::fmt;
use std::time::{Duration, Instant};

/// One row of the table.
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) to_reach: &'static str,
    pub(crate) measured: String,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} | {} |", self.what, self.to_reach, self.measured)
    }
}

/// Durations of the same thing.
#[derive(Default)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    pub(crate) fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// The duration below which this share of all lies.
    pub(crate) fn quantile(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let last = self.0.len() - 1;
        self.0[(last as f64 * share).round() as usize]
    }

    pub(crate) fn median(&mut self) -> Duration {
        self.quantile(0.5)
    }

    /// The mean without the fastest and the slowest twentieth. Of what is done with and without something, it is the means whose
    /// difference is that; where times lie in two heaps, the median of one may lie in the lower and that of the other in the upper.
    pub(crate) fn trimmed_mean(&mut self) -> Duration {
        self.0.sort_unstable();
        let cut = self.0.len() / 20;
        let kept = &self.0[cut..self.0.len() - cut];
        kept.iter().sum::<Duration>().div_f64(kept.len() as f64)
    }

    /// Median, 99th percentile and maximum, as text.
    pub(crate) fn spread(&mut self) -> String {
        format!(
            "median {:.1?}, p99 {:.1?}, max {:.1?}",
            self.median(),
            self.quantile(0.99),
            self.quantile(1.0)
        )
    }
}

/// How long something takes.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let done = work.await;
    (began.elapsed(), done)
}

pub(crate) fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
