//! The values of D-Bus: its types, and how they lie in a message (D-Bus Specification, "Marshaling"), little-endian.

use super::Problem;

/// How deep containers may be nested; the specification has 64 of variants, 32 of each other.
const DEEPEST: usize = 32;

/// One value with its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Byte(u8),
    Bool(bool),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    Double(f64),
    Text(String),
    Object(String),
    Signature(String),
    /// The signature of its elements, which may be none.
    Array(String, Vec<Value>),
    /// A structure, or an entry of a dictionary when it has braces in an array's signature.
    Struct(Vec<Value>),
    Variant(Box<Value>),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn variant(value: Self) -> Self {
        Self::Variant(Box::new(value))
    }

    /// Its type, in the letters of D-Bus.
    pub(crate) fn signature(&self) -> String {
        match self {
            Self::Byte(_) => "y".into(),
            Self::Bool(_) => "b".into(),
            Self::I16(_) => "n".into(),
            Self::U16(_) => "q".into(),
            Self::I32(_) => "i".into(),
            Self::U32(_) => "u".into(),
            Self::I64(_) => "x".into(),
            Self::U64(_) => "t".into(),
            Self::Double(_) => "d".into(),
            Self::Text(_) => "s".into(),
            Self::Object(_) => "o".into(),
            Self::Signature(_) => "g".into(),
            Self::Array(element, _) => format!("a{element}"),
            Self::Struct(fields) => format!("({})", fields.iter().map(Self::signature).collect::<String>()),
            Self::Variant(_) => "v".into(),
        }
    }

    /// The text of a string, an object's path or a signature.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Object(text) | Self::Signature(text) => Some(text),
            _ => None,
        }
    }
}

/// Puts values one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    fn fixed<const N: usize>(&mut self, bytes: [u8; N]) {
        self.align(N);
        self.bytes.extend_from_slice(&bytes);
    }

    fn length(&mut self, length: usize) -> Result<(), Problem> {
        let length = u32::try_from(length).map_err(|_| Problem::Malformed("too much for a message"))?;
        self.fixed(length.to_le_bytes());
        Ok(())
    }

    pub(crate) fn write(&mut self, value: &Value) -> Result<(), Problem> {
        match value {
            Value::Byte(byte) => self.bytes.push(*byte),
            Value::Bool(value) => self.fixed(u32::from(*value).to_le_bytes()),
            Value::I16(number) => self.fixed(number.to_le_bytes()),
            Value::U16(number) => self.fixed(number.to_le_bytes()),
            Value::I32(number) => self.fixed(number.to_le_bytes()),
            Value::U32(number) => self.fixed(number.to_le_bytes()),
            Value::I64(number) => self.fixed(number.to_le_bytes()),
            Value::U64(number) => self.fixed(number.to_le_bytes()),
            Value::Double(number) => self.fixed(number.to_le_bytes()),
            Value::Text(text) | Value::Object(text) => {
                self.length(text.len())?;
                self.text(text)?;
            }
            Value::Signature(text) => self.signature(text)?,
            Value::Array(element, values) => self.array(element, values)?,
            Value::Struct(fields) => {
                self.align(8);
                fields.iter().try_for_each(|field| self.write(field))?;
            }
            Value::Variant(value) => {
                self.signature(&value.signature())?;
                self.write(value)?;
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        if text.contains('\0') {
            return Err(Problem::Malformed("a NUL in a text"));
        }
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        Ok(())
    }

    fn signature(&mut self, text: &str) -> Result<(), Problem> {
        self.bytes.push(u8::try_from(text.len()).map_err(|_| Problem::Malformed("a long signature"))?);
        self.text(text)
    }

    /// The length does not count what lies before the first element for its alignment.
    fn array(&mut self, element: &str, values: &[Value]) -> Result<(), Problem> {
        self.length(0)?;
        let at = self.bytes.len();
        self.align(alignment(element));
        let begin = self.bytes.len();
        values.iter().try_for_each(|value| self.write(value))?;
        let length =
            u32::try_from(self.bytes.len() - begin).map_err(|_| Problem::Malformed("a long array"))?;
        if let Some(place) = self.bytes.get_mut(at - 4..at) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        Ok(())
    }
}

/// Where a value of this type begins.
fn alignment(signature: &str) -> usize {
    match signature.as_bytes().first() {
        Some(b'n' | b'q') => 2,
        Some(b'b' | b'i' | b'u' | b's' | b'o' | b'a') => 4,
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        _ => 1,
    }
}

/// The first complete type of a signature, and the rest.
pub(crate) fn split_first(signature: &str) -> Result<(&str, &str), Problem> {
    let mut depth = 0_usize;
    for (index, letter) in signature.bytes().enumerate() {
        match letter {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.checked_sub(1).ok_or(Problem::Malformed("a signature"))?,
            b'a' => continue,
            b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g' | b'v'
            | b'h' => {}
            _ => return Err(Problem::Malformed("a signature")),
        }
        if depth == 0 {
            return Ok(signature.split_at(index + 1));
        }
        if depth > DEEPEST || index > 255 {
            break;
        }
    }
    Err(Problem::Malformed("a signature"))
}

/// Takes values out of a message, whose bytes nobody has looked at yet.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], big_endian: bool) -> Self {
        Self { bytes, at: 0, big_endian }
    }

    /// All values of a signature.
    pub(crate) fn values(&mut self, signature: &str) -> Result<Vec<Value>, Problem> {
        self.sequence(signature, 0)
    }

    fn sequence(&mut self, mut signature: &str, depth: usize) -> Result<Vec<Value>, Problem> {
        let mut values = Vec::new();
        while !signature.is_empty() {
            let (first, rest) = split_first(signature)?;
            values.push(self.value(first, depth)?);
            signature = rest;
        }
        Ok(values)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(length).ok_or(Problem::Short)?;
        let bytes = self.bytes.get(self.at..end).ok_or(Problem::Short)?;
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn align(&mut self, to: usize) -> Result<(), Problem> {
        self.take(self.at.next_multiple_of(to) - self.at).map(|_| ())
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.align(N)?;
        let mut bytes: [u8; N] = self.take(N)?.try_into().map_err(|_| Problem::Short)?;
        if self.big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn length(&mut self) -> Result<usize, Problem> {
        usize::try_from(u32::from_le_bytes(self.fixed()?)).map_err(|_| Problem::Short)
    }

    fn text(&mut self, length: usize) -> Result<String, Problem> {
        let text = self.take(length)?;
        self.take(1)?;
        String::from_utf8(text.to_vec()).map_err(|_| Problem::Malformed("a text that is not UTF-8"))
    }

    fn signature(&mut self) -> Result<String, Problem> {
        let length = self.take(1)?.first().copied().unwrap_or_default();
        self.text(length.into())
    }

    fn value(&mut self, signature: &str, depth: usize) -> Result<Value, Problem> {
        if depth > DEEPEST {
            return Err(Problem::Malformed("too deep a value"));
        }
        let (letter, inner) = signature.split_at_checked(1).ok_or(Problem::Malformed("a signature"))?;
        Ok(match letter {
            "y" => Value::Byte(self.take(1)?.first().copied().unwrap_or_default()),
            "b" => Value::Bool(u32::from_le_bytes(self.fixed()?) != 0),
            "n" => Value::I16(i16::from_le_bytes(self.fixed()?)),
            "q" => Value::U16(u16::from_le_bytes(self.fixed()?)),
            "i" => Value::I32(i32::from_le_bytes(self.fixed()?)),
            "u" | "h" => Value::U32(u32::from_le_bytes(self.fixed()?)),
            "x" => Value::I64(i64::from_le_bytes(self.fixed()?)),
            "t" => Value::U64(u64::from_le_bytes(self.fixed()?)),
            "d" => Value::Double(f64::from_le_bytes(self.fixed()?)),
            "s" | "o" => {
                let length = self.length()?;
                let text = self.text(length)?;
                if letter == "s" { Value::Text(text) } else { Value::Object(text) }
            }
            "g" => Value::Signature(self.signature()?),
            "a" => Value::Array(inner.to_owned(), self.array(inner, depth)?),
            "(" | "{" => {
                self.align(8)?;
                let fields = inner.get(..inner.len().saturating_sub(1)).unwrap_or_default();
                Value::Struct(self.sequence(fields, depth + 1)?)
            }
            "v" => {
                let signature = self.signature()?;
                let (first, rest) = split_first(&signature)?;
                if !rest.is_empty() {
                    return Err(Problem::Malformed("a variant of more than one value"));
                }
                Value::variant(self.value(first, depth + 1)?)
            }
            _ => return Err(Problem::Malformed("a signature")),
        })
    }

    fn array(&mut self, element: &str, depth: usize) -> Result<Vec<Value>, Problem> {
        let length = self.length()?;
        self.align(alignment(element))?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(Problem::Short)?;
        let mut values = Vec::new();
        while self.at < end {
            let before = self.at;
            values.push(self.value(element, depth + 1)?);
            if self.at == before {
                return Err(Problem::Malformed("an array of nothing"));
            }
        }
        if self.at == end { Ok(values) } else { Err(Problem::Malformed("an array's length")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<u8>().prop_map(Value::Byte),
            any::<bool>().prop_map(Value::Bool),
            any::<i16>().prop_map(Value::I16),
            any::<u16>().prop_map(Value::U16),
            any::<i32>().prop_map(Value::I32),
            any::<u32>().prop_map(Value::U32),
            any::<i64>().prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            (-1e300..1e300).prop_map(Value::Double),
            "[^\0]{0,9}".prop_map(Value::Text),
            "/[a-z_/]{0,9}".prop_map(Value::Object),
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        basic().prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                inner.clone().prop_map(Value::variant),
                prop::collection::vec(inner.clone(), 1..4).prop_map(Value::Struct),
                (inner, 0_usize..4)
                    .prop_map(|(value, times)| Value::Array(value.signature(), vec![value; times])),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in prop::collection::vec(any_value(), 0..5)) {
            let mut writer = Writer::default();
            values.iter().for_each(|value| writer.write(value).unwrap());
            let signature: String = values.iter().map(Value::signature).collect();
            let mut reader = Reader::new(&writer.bytes, false);
            prop_assert_eq!(reader.values(&signature).unwrap(), values);
            prop_assert_eq!(reader.at, writer.bytes.len());
        }

        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>, signature in "[ybnqiuxtdsogavh(){}]{0,12}", big: bool) {
            let _ = Reader::new(&bytes, big).values(&signature);
        }
    }

    #[test]
    fn a_deep_value_ends_before_the_stack_does() {
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            bytes.extend_from_slice(b"\x01v\0");
        }
        assert!(Reader::new(&bytes, false).values("v").is_err());
        assert!(split_first(&"(".repeat(100_000)).is_err());
        assert!(split_first(&"a".repeat(100_000)).is_err());
    }

    /// As dbus-send marshals `array:string:"ab","c"` after a byte.
    #[test]
    fn it_lies_as_the_specification_has_it() {
        let mut writer = Writer::default();
        writer.write(&Value::Byte(7)).unwrap();
        writer.write(&Value::Array("s".into(), vec![Value::text("ab"), Value::text("c")])).unwrap();
        writer.write(&Value::variant(Value::U64(1))).unwrap();
        let expected =
            b"\x07\0\0\0\x0e\0\0\0\x02\0\0\0ab\0\0\x01\0\0\0c\0\x01t\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0";
        assert_eq!(writer.bytes, expected, "{:?}", writer.bytes);
    }
}
