//! What the targets have in common.

/// The texts of an input that has several of them, with lines of a `%` alone between them; those that are not there are
/// empty.
pub fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    const BETWEEN: &[u8] = b"\n%\n";
    let mut rest = Some(bytes);
    std::array::from_fn(|_| {
        let text = rest.unwrap_or_default();
        let at = text.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        rest = at.map(|at| &text[at + BETWEEN.len()..]);
        &text[..at.unwrap_or(text.len())]
    })
}
