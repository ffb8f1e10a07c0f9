//! Numbers of the files, for `crate::fuzzing`.

/// Reads a text as each of the files.
pub(crate) fn numbers(text: &str) {
    let _ = (super::v1::list(text), super::v1::entries(text), super::v2::fields(text));
    let _ = super::v2::read_pressure(text);
}
