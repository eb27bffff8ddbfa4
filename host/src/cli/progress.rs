//! What a terminal is shown while something takes long. Nothing of it goes anywhere else.

use std::io::IsTerminal;

use crate::proofs::Step;

/// A line that shows that something is going on, on a terminal only.
pub(crate) fn progress(message: String) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner().with_message(message);
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// The same with a count; and, once it is known of how many, as a bar.
pub(crate) fn counted(message: String) -> indicatif::ProgressBar {
    let bar = progress(message);
    bar.set_style(style("{spinner} {msg}: {human_pos}"));
    bar
}

/// Shows each step on it.
pub(crate) fn shown_on(bar: &indicatif::ProgressBar) -> impl Fn(Step) + Sync {
    move |step| match step {
        Step::Of(all) => {
            bar.set_style(style("{spinner} {msg} [{bar:30}] {human_pos}/{human_len}"));
            bar.set_length(all);
        }
        Step::Done(more) => bar.inc(more),
    }
}

/// Shows once more how far it came, and takes it off the screen.
pub(crate) fn take_off(bar: &indicatif::ProgressBar) {
    bar.abandon();
    bar.finish_and_clear();
}

fn style(template: &str) -> indicatif::ProgressStyle {
    indicatif::ProgressStyle::with_template(template).expect("it is a template")
}
