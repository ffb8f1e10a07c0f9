//! Lines of `schemata`, for `crate::fuzzing`.

/// Compares the text with each of its own lines, and as one that is asked for.
pub(crate) fn schemata(text: &str) {
    let _ = super::schemata::difference(text, &[text.to_owned()]);
    let asked: Vec<String> = text.lines().map(str::to_owned).collect();
    let _ = super::schemata::difference("L3:0=f\nMB:0=20", &asked);
}
