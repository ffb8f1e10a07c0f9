//! Configurations of which nobody says that they make sense.

use std::path::{Component, Path};

use holm_plan::{Options, Step, plan};
use holm_spec::Spec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::given::{any_config, odd_words};
use crate::hosts::any_host;
use crate::steps::making;

/// Puts words at places where the specification allows any.
fn with_words(mut config: Value, words: &[String]) -> Value {
    let word = |place: usize| Value::from(words[place % words.len()].clone());
    config["hostname"] = word(0);
    config["root"]["path"] = word(1);
    config["linux"]["cgroupsPath"] = word(2);
    config["linux"]["maskedPaths"] = json!([word(3), "/proc/kcore"]);
    config["linux"]["sysctl"] = words.iter().map(|name| (name.clone(), json!("1"))).collect();
    config["mounts"] = words
        .iter()
        .map(|word| json!({"destination": word, "type": word, "source": word, "options": [word, "rbind"]}))
        .collect();
    config["annotations"]["holm.rootfs.overlay"] = json!({"lower": [word(4)]}).to_string().into();
    config
}

/// Puts one word at one such place; the rest stays as it was.
fn with_one_word(mut config: Value, place: usize, word: &str) -> Value {
    match place % 5 {
        0 => config["linux"]["sysctl"] = json!({word: "1"}),
        1 => config["root"]["path"] = word.into(),
        2 => config["linux"]["cgroupsPath"] = word.into(),
        3 => config["mounts"] = json!([{"destination": word, "type": "tmpfs"}]),
        _ => config["linux"]["namespaces"][0]["path"] = word.into(),
    }
    config
}

/// Reads what may be no configuration at all.
fn read(config: Value) -> Option<Spec> {
    let config = serde_json::from_value(config).ok()?;
    Spec::check(&config, Path::new("/run/bundle")).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn no_configuration_panics(
        config in any_config(), facts in any_host(), words in odd_words(), all: bool, place: usize,
    ) {
        let config = if all { with_words(config, &words) } else { with_one_word(config, place, &words[0]) };
        let Some(spec) = read(config) else { return Ok(()) };
        match plan(&words[0], &spec, &facts, &Options::default()) {
            Ok(plan) => prop_assert!(!plan.to_string().is_empty() && serde_json::to_string(&plan).is_ok()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn no_kernel_parameter_is_outside_of_its_tree(config in any_config(), facts in any_host(), name in "(net|net\\.ipv4|net/ipv4|kernel|fs\\.mqueue)((\\.|/|\\.\\.)[a-c]{0,2}){1,4}") {
        let Some(spec) = read(with_one_word(config, 0, &name)) else { return Ok(()) };
        let Ok(plan) = plan("id", &spec, &facts, &Options::default()) else { return Ok(()) };
        for (_, step) in making(&plan) {
            if let Step::WriteSysctl { path, .. } = step {
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
            }
        }
    }
}
