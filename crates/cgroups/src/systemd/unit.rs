//! What is asked of systemd: units that come and go (org.freedesktop.systemd1(5)).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bus::address::Address;
use super::bus::value::Value;
use super::bus::{Bus, Method, Problem};
use super::path::Unit;
use super::{Property, Whose};
use crate::Error;

type Result<T, E = Error> = std::result::Result<T, E>;

/// Longest job of systemd: it may be busy with a reload.
const PATIENCE: Duration = Duration::from_secs(30);

const INTERFACE: &str = "org.freedesktop.systemd1.Manager";
const PATH: &str = "/org/freedesktop/systemd1";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
const UNIT_EXISTS: &str = "org.freedesktop.systemd1.UnitExists";

/// A line to a systemd.
#[derive(Debug)]
pub(super) struct Systemd {
    bus: Bus,
}

impl Systemd {
    pub(super) fn connect(whose: Whose) -> Result<Self> {
        let mut refusals = Vec::new();
        for (name, address) in addresses(whose) {
            let connected = address.map_err(Problem::Io).and_then(|address| Bus::connect(&address, PATIENCE));
            match connected {
                Ok(bus) => return Ok(Self { bus }),
                Err(problem) => refusals.push(format!("{name}: {problem}")),
            }
        }
        if refusals.is_empty() {
            refusals.push("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set".into());
        }
        Err(Error::Systemd { what: "reach systemd".into(), cause: refusals.join("; ") })
    }

    /// By this address alone.
    #[cfg(test)]
    pub(super) fn over(address: &Address) -> Result<Self, Problem> {
        Ok(Self { bus: Bus::connect(address, PATIENCE)? })
    }

    fn call(&mut self, member: &str, body: Vec<Value>) -> Result<Vec<Value>, Problem> {
        self.bus.call(&manager(member), body)
    }

    /// Starts the unit with these properties, and waits until it has. What failed under its name before is forgotten.
    pub(super) fn start(&mut self, unit: &Unit, properties: &[Property]) -> Result<()> {
        let started = match self.try_start(unit, properties) {
            Err(Problem::Answer(name, _)) if name == UNIT_EXISTS => {
                let _ = self.call("ResetFailedUnit", vec![Value::text(unit.name())]);
                self.try_start(unit, properties)
            }
            started => started,
        };
        started.map_err(|problem| failed("start", unit, &problem))
    }

    fn try_start(&mut self, unit: &Unit, properties: &[Property]) -> Result<(), Problem> {
        let body = vec![
            Value::text(unit.name()),
            Value::text("fail"),
            list(properties),
            Value::Array("(sa(sv))".into(), Vec::new()),
        ];
        self.bus.listen(&manager("JobRemoved"))?;
        let job = self.call("StartTransientUnit", body)?;
        self.done(&job)
    }

    /// Sets properties of a unit that runs, for as long as it does, and returns when systemd has acted on them. What it
    /// does not know is left out.
    pub(super) fn set(&mut self, unit: &Unit, properties: &[Property]) -> Result<()> {
        let mut set = self.try_set(unit, properties);
        if set.as_ref().is_err_and(is_unknown) {
            set = properties.iter().try_for_each(|property| {
                match self.try_set(unit, std::slice::from_ref(property)) {
                    Err(problem) if is_unknown(&problem) => Ok(()),
                    set => set,
                }
            });
        }
        set.map_err(|problem| failed("set properties of", unit, &problem))
    }

    fn try_set(&mut self, unit: &Unit, properties: &[Property]) -> Result<(), Problem> {
        let body = vec![Value::text(unit.name()), Value::Bool(true), list(properties)];
        self.call("SetUnitProperties", body).map(|_| ())
    }

    /// The group that this systemd is the root of.
    pub(super) fn own_group(&mut self) -> Result<String> {
        let method = Method {
            destination: "org.freedesktop.systemd1",
            path: PATH,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
        };
        let answer = self.bus.call(&method, vec![Value::text(INTERFACE), Value::text("ControlGroup")]);
        let answer = answer.and_then(|values| match values.as_slice() {
            [Value::Variant(value)] => value.as_text().map(str::to_owned).ok_or(Problem::Short),
            _ => Err(Problem::Short),
        });
        answer.map_err(|problem| Error::Systemd {
            what: "ask systemd for its own control group".into(),
            cause: problem.to_string(),
        })
    }

    /// Stops the unit and forgets it; fine when there is none.
    pub(super) fn stop(&mut self, unit: &Unit) -> Result<()> {
        let stopped = self.try_stop(unit);
        let forgotten = self.call("ResetFailedUnit", vec![Value::text(unit.name())]).map(|_| ());
        for result in [stopped, forgotten] {
            match result {
                Err(Problem::Answer(name, _)) if name == NO_SUCH_UNIT => {}
                result => result.map_err(|problem| failed("stop", unit, &problem))?,
            }
        }
        Ok(())
    }

    fn try_stop(&mut self, unit: &Unit) -> Result<(), Problem> {
        self.bus.listen(&manager("JobRemoved"))?;
        let job = self.call("StopUnit", vec![Value::text(unit.name()), Value::text("replace")])?;
        self.done(&job)
    }

    /// Waits for the end of a job: systemd tells the number, the path, the unit and the result.
    fn done(&mut self, job: &[Value]) -> Result<(), Problem> {
        let job = job.first().and_then(Value::as_text).ok_or(Problem::Malformed("no job in an answer"))?;
        loop {
            let signal = self.bus.signal(INTERFACE, "JobRemoved")?;
            let (path, result) = (signal.get(1), signal.get(3));
            if path.and_then(Value::as_text) == Some(job) {
                return match result.and_then(Value::as_text) {
                    Some("done") => Ok(()),
                    result => {
                        let text = format!("its job ended as {:?}", result.unwrap_or_default());
                        Err(Problem::Answer("org.freedesktop.systemd1.JobRemoved".into(), text))
                    }
                };
            }
        }
    }
}

/// What systemd's manager has of this name.
fn manager(member: &str) -> Method<'_> {
    Method { destination: "org.freedesktop.systemd1", path: PATH, interface: INTERFACE, member }
}

/// Whether a property is not known there, or not to be set.
fn is_unknown(problem: &Problem) -> bool {
    let names = ["UnknownProperty", "PropertyReadOnly", "NotSupported"];
    matches!(problem, Problem::Answer(name, _) if names.iter().any(|end| name.ends_with(end)))
}

fn failed(what: &str, unit: &Unit, problem: &Problem) -> Error {
    Error::Systemd { what: format!("{what} the unit {}", unit.name()), cause: problem.to_string() }
}

fn list(properties: &[Property]) -> Value {
    let pair = |property: &Property| {
        Value::Struct(vec![Value::text(&property.name), Value::variant(property.value.clone())])
    };
    Value::Array("(sv)".into(), properties.iter().map(pair).collect())
}

type Candidate = (String, std::io::Result<Address>);

/// Where to look, the bus first: systemd's own socket is there before there is a bus.
fn addresses(whose: Whose) -> Vec<Candidate> {
    match whose {
        Whose::System => {
            let given = given("DBUS_SYSTEM_BUS_ADDRESS");
            let bus = given.unwrap_or_else(|| of_bus(Path::new("/run/dbus/system_bus_socket")));
            vec![bus, of_peer(Path::new("/run/systemd/private"))]
        }
        Whose::User => {
            let runtime =
                std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()).map(PathBuf::from);
            let bus =
                given("DBUS_SESSION_BUS_ADDRESS").or_else(|| Some(of_bus(&runtime.as_ref()?.join("bus"))));
            let own = runtime.map(|runtime| of_peer(&runtime.join("systemd/private")));
            bus.into_iter().chain(own).collect()
        }
    }
}

fn given(variable: &str) -> Option<Candidate> {
    let list = std::env::var(variable).ok().filter(|list| !list.is_empty())?;
    let address = Address::parse(&list).ok_or_else(|| std::io::Error::other("no socket of UNIX is in it"));
    Some((format!("{variable}={list}"), address))
}

fn of_bus(path: &Path) -> Candidate {
    (path.display().to_string(), Address::of_bus(path))
}

fn of_peer(path: &Path) -> Candidate {
    (path.display().to_string(), Address::of_peer(path))
}
