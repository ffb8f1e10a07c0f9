//! In which order namespaces are joined.

use crate::Kind;

/// The legal order in which to join existing namespaces of these kinds.
///
/// Joining takes `CAP_SYS_ADMIN` in the user namespace that owns what is joined, and joining a user namespace changes what the
/// caller has: capabilities in there, none outside. So a privileged caller joins the user namespace after all that may belong
/// to the outer one; an unprivileged caller joins it first, as it has no capability before. The mount namespace comes
/// last but for those, as the links of /proc are looked up in the one before; so does nsenter(1).
pub fn join_order(kinds: impl IntoIterator<Item = Kind>, privileged: bool) -> Vec<Kind> {
    let mut order: Vec<Kind> = kinds.into_iter().collect();
    order.sort_by_key(|kind| match kind {
        Kind::User if privileged => 2,
        Kind::User => 0,
        Kind::Mount => 3,
        _ => 1,
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_user_namespace_is_first_without_and_after_the_others_with_privilege(bits in 0u8..=255, privileged: bool) {
            let kinds: Vec<Kind> = Kind::ALL.into_iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, k)| k).collect();
            let order = join_order(kinds.clone(), privileged);
            prop_assert_eq!(order.len(), kinds.len());
            let place = |kind| order.iter().position(|other| *other == kind);
            if let Some(user) = place(Kind::User) {
                for kind in kinds.iter().filter(|k| !matches!(k, Kind::User | Kind::Mount)) {
                    prop_assert_eq!(place(*kind).unwrap() < user, privileged);
                }
            }
            if let Some(mount) = place(Kind::Mount) {
                prop_assert_eq!(mount, order.len() - 1);
            }
        }
    }
}
