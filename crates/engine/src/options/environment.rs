//! `-e` and `--env-file`.

use std::path::Path;
use std::str::FromStr;

use super::Invalid;
use crate::{Because, Error};

/// One variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; without one it is copied from the caller's environment, when it is there. A name that ends with `*`
    /// and has no value means all of the caller's variables that begin so.
    pub value: Option<String>,
}

impl FromStr for Variable {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() || text.contains('\0') {
            return Err(
                Invalid::new(format!("{text:?} names no variable")).with_hint("write NAME=VALUE or NAME")
            );
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// Reads a file of variables; see [`parse_env_file`].
///
/// # Errors
///
/// When it cannot be read, or has in it what is no variable.
pub fn read_env_file(path: &Path) -> Result<Vec<Variable>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    parse_env_file(&text).because(|| format!("cannot take the variables of {}", path.display()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let failed = Error::new(format!("cannot read the variables of {}", path.display()));
    match holm_sys::Errno::from_io_error(error) {
        Some(errno) => {
            let hint = (errno == holm_sys::Errno::NOENT)
                .then(|| "give a file with lines of the form NAME=VALUE".to_owned());
            failed.with_cause(holm_sys::Error::new(format!("open({path:?})"), errno)).with_some_hint(hint)
        }
        // It was read, and is no text.
        None => failed.with_cause("it is not text in UTF-8"),
    }
}

/// Reads the text of a file of variables by Docker's rules: one on a line, empty lines and those that begin with `#`
/// passed over, nothing unquoted and nothing expanded.
///
/// # Errors
///
/// When a line names no variable, or one with a blank in its name.
pub fn parse_env_file(text: &str) -> Result<Vec<Variable>, Invalid> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim_start).enumerate();
    let said = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    said.map(|(index, line)| {
        let at_line = |cause: &str| Invalid::new(format!("line {}: {cause}", index + 1));
        let variable: Variable = line.parse().map_err(|invalid: Invalid| at_line(invalid.cause()))?;
        if variable.name.contains(char::is_whitespace) {
            return Err(at_line(&format!("{:?} has a blank in it", variable.name)));
        }
        Ok(variable)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_anything() {
        let variable: Variable = "A=b=c d".parse().unwrap();
        assert_eq!((variable.name.as_str(), variable.value.as_deref()), ("A", Some("b=c d")));
        assert_eq!("A".parse::<Variable>().unwrap().value, None);
        assert_eq!("A=".parse::<Variable>().unwrap().value.as_deref(), Some(""));
        assert!("=x".parse::<Variable>().is_err());
        assert!("".parse::<Variable>().is_err());
    }

    #[test]
    fn a_file_by_docker_s_rules() {
        let read = parse_env_file("\u{feff}# comment\n\n  A=1\nB='x' # kept\nHOME\n").unwrap();
        let said: Vec<_> = read.iter().map(|v| (v.name.as_str(), v.value.as_deref())).collect();
        assert_eq!(said, [("A", Some("1")), ("B", Some("'x' # kept")), ("HOME", None)]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_as_a_call() {
        let error = read_env_file(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.cause().unwrap().contains("open(\"/nowhere/at/all\"): ENOENT"), "{error}");
        assert!(error.hint().is_some());
    }

    #[test]
    fn a_bad_line_is_named() {
        assert!(parse_env_file("A=1\nB C=2\n").unwrap_err().cause().starts_with("line 2"));
        assert!(parse_env_file("=2\n").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (text.parse::<Variable>(), parse_env_file(&text));
        }
    }
}
