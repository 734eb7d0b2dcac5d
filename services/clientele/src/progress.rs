//! Progress on standard error, only where a person watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows how long work goes on: a line on a terminal, nothing in a pipe.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins a line with a label and no known end.
    pub(crate) fn start(label: &str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Tells what is going on.
    pub(crate) fn tell(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// Tells how far it is: `done` of `total`, both of the same unit.
    pub(crate) fn advance(&self, done: u64, total: u64) {
        if self.0.length().is_none()
            && total > 0
            && let Ok(style) =
                ProgressStyle::with_template("{prefix} {wide_bar} {percent} % {msg} [{elapsed}]")
        {
            self.0.set_style(style);
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
