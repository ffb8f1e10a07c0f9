//! Messages of D-Bus: a head of fixed form, fields, and a body of values.

use super::Problem;
use super::value::{Reader, Value, Writer};

/// No message of systemd comes near; the specification allows 128 MiB. Each byte of a list becomes a value of its own.
const LONGEST: usize = 256 << 10;

/// The length of what every message begins with.
pub(crate) const HEAD: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call = 1,
    Return = 2,
    Error = 3,
    Signal = 4,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) serial: u32,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<Value>,
}

/// What is said about it, each where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fields {
    pub(crate) path: Option<String>,
    pub(crate) interface: Option<String>,
    pub(crate) member: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) reply_to: Option<u32>,
    pub(crate) destination: Option<String>,
    /// Put there by the bus, whoever it comes from; this client writes none.
    pub(crate) sender: Option<String>,
}

impl Fields {
    fn values(&self, signature: &str) -> Vec<Value> {
        let field = |code, value| Value::Struct(vec![Value::Byte(code), Value::variant(value)]);
        let text = |code, text: &Option<String>| text.as_ref().map(|text| field(code, Value::text(text)));
        let path = self.path.as_ref().map(|path| field(1, Value::Object(path.clone())));
        let reply = self.reply_to.map(|serial| field(5, Value::U32(serial)));
        let signature = (!signature.is_empty()).then(|| field(8, Value::Signature(signature.to_owned())));
        let texts = [
            text(2, &self.interface),
            text(3, &self.member),
            text(4, &self.error),
            text(6, &self.destination),
            text(7, &self.sender),
        ];
        path.into_iter().chain(texts.into_iter().flatten()).chain(reply).chain(signature).collect()
    }
}

impl Message {
    /// Its bytes.
    pub(crate) fn write(&self) -> Result<Vec<u8>, Problem> {
        let mut body = Writer::default();
        self.body.iter().try_for_each(|value| body.write(value))?;
        let signature: String = self.body.iter().map(Value::signature).collect();
        let length =
            u32::try_from(body.bytes.len()).map_err(|_| Problem::Malformed("too much for a message"))?;
        let mut head = Writer { bytes: vec![b'l', self.kind as u8, 0, 1] };
        head.write(&Value::U32(length))?;
        head.write(&Value::U32(self.serial))?;
        head.write(&Value::Array("(yv)".into(), self.fields.values(&signature)))?;
        head.align(8);
        head.bytes.extend_from_slice(&body.bytes);
        Ok(head.bytes)
    }

    /// How long the message is whose first [`HEAD`] bytes these are.
    pub(crate) fn length(head: &[u8; HEAD]) -> Result<usize, Problem> {
        let mut reader = Reader::new(head, is_big_endian(head)?);
        let values = reader.values("yyyyuuu")?;
        let [.., Value::U32(body), _, Value::U32(fields)] = values.as_slice() else {
            return Err(Problem::Short);
        };
        let [body, fields] = [*body, *fields].map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let whole = fields
            .checked_add(HEAD)
            .and_then(|length| length.checked_next_multiple_of(8))
            .and_then(|length| length.checked_add(body));
        whole.filter(|length| *length <= LONGEST).ok_or(Problem::Malformed("a message of too many bytes"))
    }

    /// The message of these bytes; nothing for one of a kind that is not known, which is to be passed over.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Problem> {
        let mut reader = Reader::new(bytes, is_big_endian(bytes)?);
        let head = reader.values("yyyyuua(yv)")?;
        let [_, Value::Byte(kind), _, _, _, Value::U32(serial), Value::Array(_, given)] = head.as_slice()
        else {
            return Err(Problem::Short);
        };
        let kind = match kind {
            1 => Kind::Call,
            2 => Kind::Return,
            3 => Kind::Error,
            4 => Kind::Signal,
            _ => return Ok(None),
        };
        let (mut fields, mut signature) = (Fields::default(), String::new());
        for field in given {
            let Value::Struct(pair) = field else { continue };
            let [Value::Byte(code), Value::Variant(value)] = pair.as_slice() else { continue };
            let text = value.as_text().map(str::to_owned);
            match (code, &**value) {
                (1, _) => fields.path = text,
                (2, _) => fields.interface = text,
                (3, _) => fields.member = text,
                (4, _) => fields.error = text,
                (5, Value::U32(serial)) => fields.reply_to = Some(*serial),
                (6, _) => fields.destination = text,
                (7, _) => fields.sender = text,
                (8, _) => signature = text.unwrap_or_default(),
                _ => {}
            }
        }
        reader.align(8)?;
        Ok(Some(Self { kind, serial: *serial, fields, body: reader.values(&signature)? }))
    }
}

fn is_big_endian(bytes: &[u8]) -> Result<bool, Problem> {
    match bytes.first() {
        Some(b'l') => Ok(false),
        Some(b'B') => Ok(true),
        _ => Err(Problem::Malformed("a message of an unknown byte order")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::of("[a-zA-Z.]{1,20}")
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(path in text(), member in text(), sender in text(), reply_to: Option<u32>, number: u32) {
            let fields = Fields { path, member, reply_to, sender, ..Fields::default() };
            let body = vec![Value::text("ä"), Value::U32(number)];
            let message = Message { kind: Kind::Signal, serial: number, fields, body };
            let bytes = message.write().unwrap();
            let head: [u8; HEAD] = bytes[..HEAD].try_into().unwrap();
            prop_assert_eq!(Message::length(&head).unwrap(), bytes.len());
            prop_assert_eq!(Message::read(&bytes).unwrap().unwrap(), message);
        }

        #[test]
        fn no_bytes_are_too_strange(mut bytes: Vec<u8>, big: bool) {
            bytes.insert(0, if big { b'B' } else { b'l' });
            let _ = Message::read(&bytes);
            if let Ok(head) = bytes.as_slice().get(..HEAD).unwrap_or_default().try_into() {
                let _ = Message::length(&head);
            }
        }
    }
}
