//! What is said to qemu: its QMP, a JSON object on each line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Result;

/// The line to one qemu.
pub(super) struct Qmp {
    answers: BufReader<UnixStream>,
    events: Vec<Value>,
}

impl Qmp {
    /// Takes the greeting; no answer may take longer than `patience`.
    pub(super) fn greet(stream: UnixStream, patience: Duration) -> Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        let mut qmp = Self { answers: BufReader::new(stream), events: Vec::new() };
        qmp.next()?;
        qmp.ask("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// One command, and the answer to it.
    pub(super) fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let text = json!({ "execute": command, "arguments": arguments });
        let mut stream = self.answers.get_ref();
        stream.write_all(format!("{text}\n").as_bytes())?;
        loop {
            let answer = self.next()?;
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            }
            if let Some(error) = answer.get("error") {
                let what = error.get("desc").and_then(Value::as_str).unwrap_or("no reason given");
                return Err(format!("qemu refuses {command}: {what}").into());
            }
            self.events.push(answer);
        }
    }

    /// The machine comes out of a file, or goes into one; returns when it has.
    pub(super) fn migrate(&mut self, command: &str, shell: &str) -> Result<()> {
        let events = json!({ "capabilities": [{ "capability": "events", "state": true }] });
        self.ask("migrate-set-capabilities", &events)?;
        self.ask("migrate-set-parameters", &json!({ "max-bandwidth": 1_u64 << 40 }))?;
        self.ask(command, &json!({ "uri": format!("exec:{shell}") }))?;
        loop {
            let event = if self.events.is_empty() { self.next()? } else { self.events.remove(0) };
            match event.pointer("/data/status").and_then(Value::as_str) {
                Some("completed") => return Ok(()),
                Some(status @ ("failed" | "cancelled")) => {
                    return Err(format!("qemu: {command} {shell:?}: {status}").into());
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<Value> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("qemu has ended".into()),
            Ok(_) => Ok(serde_json::from_str(&line)?),
            Err(error) => Err(format!("qemu does not answer: {error}").into()),
        }
    }
}
