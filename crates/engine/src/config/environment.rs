//! The environment of a command.

use crate::caller::Caller;
use crate::options::Variable;

/// Where programs are when nobody says it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a container of this machine's own root takes over: where programs are and how they speak.
const TAKEN_OVER: [&str; 4] = ["PATH", "LANG", "LC_ALL", "LC_CTYPE"];

/// What the environment is made of beside the variables that were said.
pub(super) struct Origins<'a> {
    pub(super) caller: &'a Caller,
    /// The container has this machine's own root.
    pub(super) host_root: bool,
    pub(super) image: &'a [String],
    pub(super) hostname: Option<&'a str>,
    pub(super) home: Option<&'a str>,
    pub(super) terminal: bool,
}

/// Puts it together; what comes later wins.
pub(super) fn build(origins: &Origins<'_>, said: &[Variable]) -> Vec<String> {
    let mut environment = vec![PATH.to_owned()];
    if origins.host_root {
        let taken =
            TAKEN_OVER.iter().filter_map(|name| Some(format!("{name}={}", origins.caller.variable(name)?)));
        taken.for_each(|variable| merge(&mut environment, variable));
    }
    let made = [("HOSTNAME", origins.hostname), ("HOME", Some(origins.home.unwrap_or("/")))];
    for (name, value) in made {
        value.into_iter().for_each(|value| environment.push(format!("{name}={value}")));
    }
    if origins.terminal {
        environment.push(format!("TERM={}", origins.caller.variable("TERM").unwrap_or("xterm")));
    }
    origins
        .image
        .iter()
        .filter(|v| v.contains('='))
        .for_each(|variable| merge(&mut environment, variable.clone()));
    with_variables(&mut environment, said, origins.caller);
    environment
}

/// Adds what was said; a variable without a value is copied from the caller, when it is there.
pub(crate) fn with_variables(environment: &mut Vec<String>, said: &[Variable], caller: &Caller) {
    for variable in said {
        if let (Some(prefix), None) = (variable.name.strip_suffix('*'), &variable.value) {
            let copied = caller.environment.iter().filter(|(name, _)| name.starts_with(prefix));
            copied.for_each(|(name, value)| merge(environment, format!("{name}={value}")));
            continue;
        }
        let value = variable.value.as_deref().or_else(|| caller.variable(&variable.name));
        if let Some(value) = value {
            merge(environment, format!("{}={value}", variable.name));
        }
    }
}

/// Sets a variable: in the place of the one of that name, or at the end.
pub(crate) fn merge(environment: &mut Vec<String>, variable: String) {
    let name = |text: &str| text.split_once('=').map_or(text.len(), |(name, _)| name.len());
    let length = name(&variable);
    let same = |other: &&mut String| other.get(..=length) == variable.get(..=length) && name(other) == length;
    match environment.iter_mut().find(same) {
        Some(other) => *other = variable,
        None => environment.push(variable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::tests::caller;

    #[test]
    fn what_is_said_wins_over_the_image_and_the_image_over_the_defaults() {
        let caller = caller(1000);
        let image = ["PATH=/image".to_owned(), "A=image".to_owned(), "rubbish".to_owned()];
        let origins = Origins {
            caller: &caller,
            host_root: false,
            image: &image,
            hostname: Some("h"),
            home: Some("/root"),
            terminal: true,
        };
        let said: Vec<Variable> =
            ["A=said", "TERM", "LANG", "NOT_SET"].iter().map(|v| v.parse().unwrap()).collect();
        let environment = build(&origins, &said);
        assert_eq!(
            environment,
            ["PATH=/image", "HOSTNAME=h", "HOME=/root", "TERM=tester", "A=said", "LANG=C.UTF-8"]
        );
    }

    #[test]
    fn the_machine_s_own_root_takes_over_where_programs_are() {
        let caller = caller(1000);
        let origins = Origins {
            caller: &caller,
            host_root: true,
            image: &[],
            hostname: None,
            home: None,
            terminal: false,
        };
        assert_eq!(build(&origins, &[]), ["PATH=/caller/bin", "LANG=C.UTF-8", "HOME=/"]);
    }

    #[test]
    fn a_star_copies_all_that_begin_so() {
        let mut caller = caller(1000);
        caller.environment.push(("TERMINFO".into(), "/t".into()));
        let said: Vec<Variable> = ["TERM*", "A*=1"].iter().map(|v| v.parse().unwrap()).collect();
        let mut environment = Vec::new();
        with_variables(&mut environment, &said, &caller);
        assert_eq!(environment, ["TERM=tester", "TERMINFO=/t", "A*=1"]);
    }

    #[test]
    fn a_name_that_begins_another_is_not_the_same() {
        let mut environment = vec!["AB=1".to_owned(), "A=2".to_owned()];
        merge(&mut environment, "A=3".to_owned());
        assert_eq!(environment, ["AB=1", "A=3"]);
    }
}
