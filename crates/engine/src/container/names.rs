//! Names that people can say, for containers that were given none.

use crate::options::ContainerName;
use crate::{Because, Result};

const ADJECTIVES: [&str; 80] = [
    "able", "agile", "airy", "amber", "ample", "azure", "bold", "brave", "breezy", "bright", "brisk", "calm",
    "candid", "clear", "clever", "coral", "cosy", "crisp", "curious", "daring", "dewy", "eager", "early",
    "easy", "fair", "fond", "fresh", "gentle", "glad", "golden", "grand", "green", "handy", "happy", "hardy",
    "honest", "humble", "jolly", "keen", "kind", "late", "light", "lively", "lucid", "lucky", "mellow",
    "merry", "mild", "misty", "modest", "neat", "nimble", "noble", "open", "patient", "placid", "plain",
    "polite", "proud", "quick", "quiet", "rapid", "ready", "royal", "sandy", "serene", "sharp", "silent",
    "smooth", "snug", "solid", "steady", "sunny", "swift", "tidy", "tranquil", "vivid", "warm", "windy",
    "wise",
];

const NOUNS: [&str; 80] = [
    "anchor",
    "atoll",
    "bank",
    "bay",
    "beach",
    "beacon",
    "boat",
    "bow",
    "bridge",
    "brook",
    "buoy",
    "cape",
    "cliff",
    "coast",
    "cove",
    "crane",
    "creek",
    "current",
    "delta",
    "dock",
    "dune",
    "eddy",
    "estuary",
    "ferry",
    "fjord",
    "ford",
    "gull",
    "harbour",
    "haven",
    "heron",
    "holm",
    "inlet",
    "isle",
    "island",
    "jetty",
    "kelp",
    "keel",
    "lagoon",
    "lake",
    "landing",
    "lighthouse",
    "marsh",
    "mast",
    "meadow",
    "moor",
    "mooring",
    "mouth",
    "oar",
    "otter",
    "pebble",
    "pier",
    "pilot",
    "pond",
    "pool",
    "port",
    "quay",
    "raft",
    "rapids",
    "reed",
    "reef",
    "ripple",
    "river",
    "rock",
    "rudder",
    "sail",
    "sandbar",
    "shell",
    "shoal",
    "shore",
    "sound",
    "spit",
    "spring",
    "strait",
    "stream",
    "swan",
    "tern",
    "tide",
    "wave",
    "wharf",
    "willow",
];

/// Makes a name up, such as `calm_harbour`; from the third attempt on with a number, so that there is always one
/// that is free.
///
/// # Errors
///
/// When the kernel has no random numbers.
pub(super) fn make_up(attempt: u32) -> Result<ContainerName> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .because(|| "cannot make up a name for the container")?;
    let random = u64::from_le_bytes(bytes);
    let pick = |words: &[&'static str], shift: u32| {
        let index = (random >> shift) % 80;
        usize::try_from(index).ok().and_then(|index| words.get(index).copied()).unwrap_or("holm")
    };
    let (adjective, noun) = (pick(&ADJECTIVES, 0), pick(&NOUNS, 16));
    let text = match attempt {
        0 | 1 => format!("{adjective}_{noun}"),
        _ => format!("{adjective}_{noun}_{}", random >> 40),
    };
    text.parse().map_err(|invalid| holm_options::refused("--name", &invalid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_words_are_different_and_fit_into_a_host_name() {
        for words in [&ADJECTIVES, &NOUNS] {
            assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
            assert!(
                words.iter().all(|word| word.len() <= 12 && word.bytes().all(|b| b.is_ascii_lowercase()))
            );
        }
    }

    #[test]
    fn names_are_made_of_words_and_later_of_numbers_too() {
        let name = make_up(0).unwrap();
        let (adjective, noun) = name.as_str().split_once('_').unwrap();
        assert!(ADJECTIVES.contains(&adjective) && NOUNS.contains(&noun), "{name}");
        assert_eq!(make_up(2).unwrap().as_str().matches('_').count(), 2);
    }
}
