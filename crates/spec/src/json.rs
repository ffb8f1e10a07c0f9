//! Values of a configuration out of parsed JSON, and the path of what is of another form.
//!
//! What reads a configuration from its text is a good part of the program. So the values are written as text again, which
//! that reads, and the path is found by the place in the text that it fails at: nothing has to be there twice.

use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

/// Reads a value. With an error comes the path of what is of another form, as in `linux.namespaces[1].type`; it is empty for
/// the value itself.
pub(crate) fn read_value<T: DeserializeOwned>(value: &Value) -> Result<T, (String, serde_json::Error)> {
    let text = value.to_string();
    serde_json::from_str(&text).map_err(|error| (path_of(&text, error.column()), without_place(&error)))
}

/// The same error without its place, which is one in a text that nobody sees.
fn without_place(error: &serde_json::Error) -> serde_json::Error {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    serde_json::Error::custom(text.strip_suffix(&place).unwrap_or(&text))
}

/// An object or a list that has begun.
struct Frame {
    start: usize,
    /// The name of the member, or the number of the element, that is read; of an object none before its first name.
    at: At,
}

enum At {
    Member(Option<String>),
    Element(usize),
}

/// The path of the innermost value of `text`, which is JSON on one line, that `place` is in or at an end of.
fn path_of(text: &str, place: usize) -> String {
    let bytes = text.as_bytes();
    let mut frames: Vec<Frame> = Vec::new();
    let mut is_name = false;
    let mut next = 0;
    while let Some(byte) = bytes.get(next) {
        let start = next;
        next += 1;
        let begin = match byte {
            b'{' | b'[' => {
                is_name = *byte == b'{';
                let at = if is_name { At::Member(None) } else { At::Element(0) };
                frames.push(Frame { start, at });
                continue;
            }
            b',' => {
                match frames.last_mut().map(|frame| &mut frame.at) {
                    Some(At::Element(number)) => *number += 1,
                    _ => is_name = true,
                }
                continue;
            }
            b':' => continue,
            b'}' | b']' => {
                // An object without members ends where a name was awaited.
                is_name = false;
                frames.pop().map_or(start, |frame| frame.start)
            }
            b'"' => {
                next = end_of_string(bytes, next);
                if std::mem::take(&mut is_name) {
                    let name = text.get(start..next).and_then(|name| serde_json::from_str(name).ok());
                    if let Some(frame) = frames.last_mut() {
                        frame.at = At::Member(name);
                    }
                    continue;
                }
                start
            }
            _ => {
                next = end_of_word(bytes, next);
                start
            }
        };
        // What an error is about ends at its place, or begins there.
        if begin <= place && place <= next {
            break;
        }
    }
    path(&frames)
}

/// Behind the quotation mark that ends the string whose text begins at `next`.
fn end_of_string(bytes: &[u8], mut next: usize) -> usize {
    while let Some(byte) = bytes.get(next) {
        next += match byte {
            b'"' => return next + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    next
}

fn end_of_word(bytes: &[u8], next: usize) -> usize {
    let rest = bytes.get(next..).unwrap_or_default();
    next + rest.iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']')).count()
}

fn path(frames: &[Frame]) -> String {
    let mut path = String::new();
    for frame in frames {
        match &frame.at {
            At::Member(Some(name)) if path.is_empty() => path.push_str(name),
            At::Member(Some(name)) => path.extend([".", name.as_str()]),
            At::Member(None) => {}
            At::Element(number) => path.push_str(&format!("[{number}]")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{Process, Spec};
    use proptest::prelude::*;
    use serde_json::json;

    fn wrong<T: DeserializeOwned>(value: &Value) -> (String, String) {
        let (path, error) = read_value::<T>(value).err().expect("it is of another form");
        (path, error.to_string())
    }

    #[test]
    fn what_is_wrong_is_told_with_its_path() {
        let process = |user: Value, more: &str, value: Value| {
            let mut process = json!({ "cwd": "/", "user": user });
            process[more] = value;
            wrong::<Process>(&process)
        };
        let user = json!({ "uid": 0, "gid": 0 });
        let (path, error) = process(json!({ "uid": "0", "gid": 0 }), "args", json!(["a"]));
        assert_eq!((path.as_str(), error.as_str()), ("user.uid", "invalid type: string \"0\", expected u32"));
        assert_eq!(process(user.clone(), "args", json!(["a", "\\\"]", 7, "b"])).0, "args[2]");
        assert_eq!(process(user.clone(), "args", json!(["a", {}])).0, "args[1]");
        assert_eq!(process(user.clone(), "env", json!("A=b")).0, "env");
        let (path, error) = wrong::<Spec>(&json!({ "ociVersion": "1.0.0", "mounts": [{ "source": "a" }] }));
        assert_eq!((path.as_str(), error.as_str()), ("mounts[0]", "missing field `destination`"));
        let limits =
            json!([{ "type": "RLIMIT_CORE", "soft": 1, "hard": 1 }, { "type": "x", "soft": 1, "hard": 1 }]);
        assert_eq!(process(user, "rlimits", limits).0, "rlimits[1].type");
        let mounts =
            json!({ "ociVersion": "1.0.0", "annotations": {}, "mounts": [{ "destination": "/a" }, "x"] });
        assert_eq!(wrong::<Spec>(&mounts).0, "mounts[1]");
        assert_eq!(path_of(r#"[{},"x"]"#, 7), "[1]");
        assert_eq!(wrong::<Process>(&json!(7)).0, "");
        assert_eq!(wrong::<Spec>(&json!("x")).0, "");
    }

    #[test]
    fn names_are_told_as_they_are() {
        let config = json!({ "ociVersion": "1.0.0", "annotations": { "a.\"b\\": 1, "c": "d" } });
        assert_eq!(wrong::<Spec>(&config).0, "annotations.a.\"b\\");
    }

    proptest! {
        #[test]
        fn every_place_of_every_text_has_a_path(text: String, place: usize) {
            path_of(&text, place);
            path_of(&json!({ text.clone(): [text] }).to_string(), place % 64);
        }
    }
}
