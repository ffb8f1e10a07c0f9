//! Control groups that systemd makes: a transient scope for each container, asked for over D-Bus. What is below the scope is
//! delegated to Holm, which writes all limits there by itself too: systemd gets those that it has a property for, so that it
//! does not take them back when it writes its own.

mod bus;
mod devices;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod group;
mod path;
mod properties;
#[cfg(test)]
mod tests;
mod text;
mod unit;

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};
use bus::value::Value;
pub use path::Unit;
use unit::Systemd;

/// Whose systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// The machine's.
    System,
    /// The caller's own, by the session's bus.
    User,
}

impl Whose {
    /// The slice for what names none.
    pub fn default_slice(self) -> &'static str {
        match self {
            Self::System => "system.slice",
            Self::User => "user.slice",
        }
    }
}

/// A unit at the systemd that has it: what later processes need to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Whose systemd.
    pub whose: Whose,
    /// The unit.
    pub unit: Unit,
}

/// A property of a unit.
#[derive(Debug, Clone, PartialEq)]
struct Property {
    name: String,
    value: Value,
}

impl Property {
    fn new(name: &str, value: Value) -> Self {
        Self { name: name.to_owned(), value }
    }
}

/// A property that a container's annotation `org.systemd.property.NAME` asks for, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedProperty {
    name: String,
    text: String,
}

impl AskedProperty {
    /// Checks the name (letters alone) and that the text is a value as GVariant writes it: `'text'`, `uint64 5`,
    /// `['a', 'b']`. A property `...Sec` is in seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Property`].
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let asked = Self { name: name.to_owned(), text: text.to_owned() };
        asked.property()?;
        Ok(asked)
    }

    fn property(&self) -> Result<Property> {
        let refused = |problem| Error::Property { name: self.name.clone(), text: self.text.clone(), problem };
        if self.name.len() < 3 || !self.name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(refused("its name has three letters or more, and letters alone"));
        }
        let value = text::parse(&self.text).ok_or_else(|| refused("it is no value as GVariant writes it"))?;
        match self.name.strip_suffix("Sec").filter(|name| !name.ends_with('U')) {
            Some(name) => {
                let value =
                    text::microseconds(&value).ok_or_else(|| refused("it is no number of seconds"))?;
                Ok(Property::new(&format!("{name}USec"), value))
            }
            None => Ok(Property::new(&self.name, value)),
        }
    }
}

impl Scope {
    /// Starts the unit with `process` in it, and returns when the process has been moved. A slice is started without one.
    ///
    /// Needs root for the machine's systemd, and a user's own for that.
    ///
    /// # Errors
    ///
    /// [`Error::Systemd`] when there is none, or it does not do it.
    pub fn start(&self, process: Pid, asked: &[AskedProperty]) -> Result<()> {
        let properties = self.properties(process, asked)?;
        Systemd::connect(self.whose)?.start(&self.unit, &properties)
    }

    /// What is asked for takes the place of what is usual.
    fn properties(&self, process: Pid, asked: &[AskedProperty]) -> Result<Vec<Property>> {
        let mut properties = self.usual(process);
        for property in asked {
            let property = property.property()?;
            properties.retain(|usual| usual.name != property.name);
            properties.push(property);
        }
        Ok(properties)
    }

    fn usual(&self, process: Pid) -> Vec<Property> {
        let mut properties = vec![
            Property::new("Description", Value::Text(format!("container {}", self.unit.name()))),
            Property::new("DefaultDependencies", Value::Bool(false)),
        ];
        let accounting = ["MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"];
        properties.extend(accounting.map(|name| Property::new(name, Value::Bool(true))));
        if self.unit.is_slice() {
            properties
                .push(Property::new("Wants", Value::Array("s".into(), vec![Value::text(self.unit.slice())])));
        } else {
            let pid = u32::try_from(process.as_raw_pid()).unwrap_or_default();
            properties.push(Property::new("Slice", Value::text(self.unit.slice())));
            properties.push(Property::new("Delegate", Value::Bool(true)));
            properties.push(Property::new("PIDs", Value::Array("u".into(), vec![Value::U32(pid)])));
        }
        properties
    }

    /// Sets properties while it runs. Those that an older systemd does not know are left out: what they are for is written
    /// into the group's files anyway.
    fn set(&self, properties: &[Property]) -> Result<()> {
        if properties.is_empty() { Ok(()) } else { Systemd::connect(self.whose)?.set(&self.unit, properties) }
    }

    /// Stops the unit, with all that is in it, and forgets it; fine when it is not there any more.
    ///
    /// # Errors
    ///
    /// [`Error::Systemd`].
    pub fn stop(&self) -> Result<()> {
        Systemd::connect(self.whose)?.stop(&self.unit)
    }
}
