//! Values as text, as the annotations `org.systemd.property.NAME` have them: the text format of GVariant, in the parts that
//! properties of units need: numbers with or without their type's name, texts, arrays and structures.

use super::bus::value::Value;

/// Reads one value; `None` when it is none.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut parser = Parser { rest: text.trim(), depth: 0 };
    let value = parser.value(None)?;
    parser.rest.is_empty().then_some(value)
}

/// The value of a property `NameSec`, which systemd has in microseconds as `NameUSec`.
pub(super) fn microseconds(value: &Value) -> Option<Value> {
    let whole = |seconds: u64| seconds.checked_mul(1_000_000).map(Value::U64);
    match value {
        Value::Byte(seconds) => whole((*seconds).into()),
        Value::U16(seconds) => whole((*seconds).into()),
        Value::U32(seconds) => whole((*seconds).into()),
        Value::U64(seconds) => whole(*seconds),
        Value::I16(seconds) => whole(u64::try_from(*seconds).ok()?),
        Value::I32(seconds) => whole(u64::try_from(*seconds).ok()?),
        Value::I64(seconds) => whole(u64::try_from(*seconds).ok()?),
        Value::Double(seconds) => {
            let microseconds = format!("{:.0}", seconds * 1e6);
            microseconds.parse().ok().map(Value::U64)
        }
        _ => None,
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

/// Which names of types there are before a number.
const TYPES: [(&str, &str); 9] = [
    ("byte", "y"),
    ("int16", "n"),
    ("uint16", "q"),
    ("int32", "i"),
    ("uint32", "u"),
    ("int64", "x"),
    ("uint64", "t"),
    ("double", "d"),
    ("boolean", "b"),
];

impl Parser<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: char) -> Option<()> {
        self.space();
        self.rest = self.rest.strip_prefix(token)?;
        self.space();
        Some(())
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        word.to_owned()
    }

    /// A value, of the type that is known already.
    fn value(&mut self, known: Option<&str>) -> Option<Value> {
        self.depth += 1;
        if self.depth > 16 {
            return None;
        }
        let value = match self.rest.chars().next()? {
            '\'' | '"' => {
                let text = self.text()?;
                match known {
                    None | Some("s") => Value::Text(text),
                    Some("o") => Value::Object(text),
                    Some(_) => return None,
                }
            }
            '[' => self.array(known)?,
            '(' => self.fields()?,
            '@' => {
                self.rest = self.rest.get(1..)?;
                let end = self.rest.find(char::is_whitespace)?;
                let (signature, rest) = self.rest.split_at(end);
                let (signature, rest) = (signature.to_owned(), rest.trim_start());
                self.rest = rest;
                self.value(Some(&signature))?
            }
            _ => self.plain(known)?,
        };
        self.depth -= 1;
        Some(value)
    }

    fn plain(&mut self, known: Option<&str>) -> Option<Value> {
        let word = self.word();
        match TYPES.iter().find(|(name, _)| *name == word) {
            Some((_, letter)) => {
                let number = self.word();
                number_of(&number, Some(letter))
            }
            None => number_of(&word, known),
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut letters = self.rest.chars();
        let quote = letters.next()?;
        let mut text = String::new();
        loop {
            match letters.next()? {
                letter if letter == quote => break,
                '\\' => text.push(match letters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    letter @ ('\\' | '\'' | '"') => letter,
                    _ => return None,
                }),
                letter => text.push(letter),
            }
        }
        self.rest = letters.as_str().trim_start();
        Some(text)
    }

    fn array(&mut self, known: Option<&str>) -> Option<Value> {
        let known = match known {
            Some(signature) => Some(signature.strip_prefix('a')?),
            None => None,
        };
        self.eat('[')?;
        let mut values: Vec<Value> = Vec::new();
        while self.eat(']').is_none() {
            if !values.is_empty() {
                self.eat(',')?;
            }
            // The first of them says what they all are.
            let signature = known.map(str::to_owned).or_else(|| values.first().map(Value::signature));
            let value = self.value(signature.as_deref())?;
            if signature.is_some_and(|signature| signature != value.signature()) {
                return None;
            }
            values.push(value);
        }
        let element = known.map(str::to_owned).or_else(|| values.first().map(Value::signature))?;
        Some(Value::Array(element, values))
    }

    fn fields(&mut self) -> Option<Value> {
        self.eat('(')?;
        let mut values = Vec::new();
        while self.eat(')').is_none() {
            if !values.is_empty() {
                self.eat(',')?;
            }
            values.push(self.value(None)?);
        }
        (!values.is_empty()).then_some(Value::Struct(values))
    }
}

/// A word that is a number or a truth; a whole number without a type is an int32.
fn number_of(word: &str, known: Option<&str>) -> Option<Value> {
    match known {
        Some("y") => word.parse().ok().map(Value::Byte),
        Some("b") => word.parse().ok().map(Value::Bool),
        Some("n") => word.parse().ok().map(Value::I16),
        Some("q") => word.parse().ok().map(Value::U16),
        Some("i") => word.parse().ok().map(Value::I32),
        Some("u") => word.parse().ok().map(Value::U32),
        Some("x") => word.parse().ok().map(Value::I64),
        Some("t") => word.parse().ok().map(Value::U64),
        Some("d") => word.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Double),
        Some(_) => None,
        None => ["b", "i", "d"].iter().find_map(|letter| number_of(word, Some(letter))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_annotations_are_understood() {
        let strings =
            |list: &[&str]| Value::Array("s".into(), list.iter().map(|text| Value::text(text)).collect());
        for (text, value) in [
            ("'it\\'s'", Value::text("it's")),
            ("\"a\"", Value::text("a")),
            ("true", Value::Bool(true)),
            ("-7", Value::I32(-7)),
            ("uint64 123456789", Value::U64(123_456_789)),
            ("@t 5", Value::U64(5)),
            ("1.5", Value::Double(1.5)),
            ("['dbus.service', 'x.service']", strings(&["dbus.service", "x.service"])),
            ("@as []", strings(&[])),
            ("@au [1,2]", Value::Array("u".into(), vec![Value::U32(1), Value::U32(2)])),
            ("('a', uint32 1)", Value::Struct(vec![Value::text("a"), Value::U32(1)])),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        for text in
            ["", "[]", "'a", "inactive", "1 2", "[1, 'a']", "uint32 -1", "@x", "@as 5", "()", "nan", "1e999"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_are_microseconds() {
        assert_eq!(microseconds(&Value::I32(30)), Some(Value::U64(30_000_000)));
        assert_eq!(microseconds(&Value::Double(0.25)), Some(Value::U64(250_000)));
        assert_eq!(microseconds(&Value::I32(-1)), None);
        assert_eq!(microseconds(&Value::Double(-1.0)), None);
        assert_eq!(microseconds(&Value::U64(u64::MAX)), None);
        assert_eq!(microseconds(&Value::text("30")), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[\\[\\]()@'\"a-z0-9, .\\\\-]{0,30}") {
            let _ = parse(&text);
        }
    }
}
