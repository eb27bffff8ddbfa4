//! Untrusted text on its way to a terminal.

use std::fmt::Write;

use ringfence_core::content::acts;

/// The text with everything escaped that a terminal would act on or that would show it in another order: control
/// characters (C0, DEL, C1) but newline and tab, and Unicode's bidirectional and invisible controls.
#[must_use]
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || !acts(c) {
            plain.push(c);
        } else {
            write!(plain, "\\u{{{:x}}}", u32::from(c)).expect("a string takes everything");
        }
    }
    plain
}

/// The same in one line.
#[must_use]
pub(crate) fn plain_line(text: &str) -> String {
    plain(text).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_gets_through() {
        let hostile = "a\u{1b}[2Jb\u{9b}31mc\rd\u{7}e\u{202e}f\u{200b}g\u{7f}";
        let shown = plain(hostile);
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{9b}31mc\\u{d}d\\u{7}e\\u{202e}f\\u{200b}g\\u{7f}");
        assert_eq!(plain("a\u{e0041}b\u{3164}c\u{ad}"), "a\\u{e0041}b\\u{3164}c\\u{ad}", "what nobody sees");
        assert_eq!(plain("zwei Zeilen,\n\täöü 日本"), "zwei Zeilen,\n\täöü 日本");
        assert_eq!(plain_line("a\nb"), "a\\nb");
    }
}
