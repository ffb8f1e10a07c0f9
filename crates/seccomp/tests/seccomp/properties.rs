//! What holds for every profile.

use holm_seccomp::{Arch, Error, Program, compile};
use proptest::prelude::*;

use crate::{definition, given, machine};

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_program_does_what_the_profile_says(
        profile in given::profile(),
        native in proptest::sample::select(&Arch::ALL[..]),
        values in proptest::collection::vec(proptest::array::uniform6(given::edge()), 4),
        first in 0_u64..26,
    ) {
        let program = compile(&profile, native).unwrap();
        let multiplexed = [first, values[0][1], values[1][2], values[2][3], 0, 0];
        let arguments: Vec<_> = values.into_iter().chain([multiplexed]).collect();
        for call in given::calls(&arguments) {
            let (answer, _) = machine::run(program.instructions(), &call);
            let expected = definition::evaluate(&profile, native, &call);
            prop_assert_eq!(answer, expected, "{:x?}", call);
        }
    }

    #[test]
    fn a_long_profile_is_compiled_or_refused(
        action in given::action(),
        conditions in proptest::collection::vec(given::condition(), 0..900),
        many in 0_usize..32,
        default_action in given::action(),
    ) {
        let rules = vec![given::rule(action, &given::NAMES[..many], &conditions)];
        let profile = holm_seccomp::Profile { default_action, architectures: vec![Arch::X86, Arch::X32], rules };
        match compile(&profile, Arch::X86_64) {
            Err(error) => prop_assert_eq!(error, Error::TooLong),
            Ok(program) => {
                prop_assert!(program.instructions().len() <= holm_seccomp::MOST_INSTRUCTIONS);
                for call in given::calls(&[[0; 6], [1; 6], [u64::MAX; 6]]) {
                    let (answer, _) = machine::run(program.instructions(), &call);
                    prop_assert_eq!(answer, definition::evaluate(&profile, Arch::X86_64, &call), "{:x?}", call);
                }
            }
        }
    }

    #[test]
    fn a_program_as_text_is_the_same(profile in given::profile()) {
        let program = compile(&profile, Arch::X86_64).unwrap();
        prop_assert_eq!(Program::try_from(String::from(program.clone())), Ok(program));
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Program::try_from(text);
    }
}
