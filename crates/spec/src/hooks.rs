//! The `hooks` section.

use std::fmt;
use std::path::PathBuf;

use oci_spec::runtime as oci;
use serde::{Deserialize, Serialize};

use crate::Error;

/// When a hook runs (runtime-spec, "POSIX-platform Hooks"), in the order of a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookKind {
    /// In the runtime's namespaces, when the container's are made and before its root is entered; deprecated.
    Prestart,
    /// As `Prestart`, and after those.
    CreateRuntime,
    /// In the container's namespaces, before its root is entered.
    CreateContainer,
    /// In the container, when it is started, before the process runs.
    StartContainer,
    /// In the runtime's namespaces, when the process runs.
    Poststart,
    /// In the runtime's namespaces, when the container is deleted.
    Poststop,
}

/// A program that runs at a point of the container's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Where in the list of its kind it stands.
    pub index: usize,
    /// The program, absolute.
    pub path: PathBuf,
    /// Its arguments, from `argv[0]` on; never empty.
    pub args: Vec<String>,
    /// Its environment, which is nothing but this.
    pub env: Vec<String>,
    /// After how many seconds it is killed.
    pub timeout: Option<u32>,
}

/// The `hooks` section, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hooks {
    /// By [`HookKind::Prestart`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prestart: Vec<Hook>,
    /// By [`HookKind::CreateRuntime`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_runtime: Vec<Hook>,
    /// By [`HookKind::CreateContainer`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_container: Vec<Hook>,
    /// By [`HookKind::StartContainer`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start_container: Vec<Hook>,
    /// By [`HookKind::Poststart`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook>,
    /// By [`HookKind::Poststop`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook>,
}

impl Hooks {
    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those that run when the container is made already, which whoever starts or deletes it has to know.
    #[must_use]
    pub fn later(&self) -> Self {
        Self { poststart: self.poststart.clone(), poststop: self.poststop.clone(), ..Self::default() }
    }

    pub(crate) fn check(hooks: Option<&oci::Hooks>) -> Result<Self, Error> {
        let Some(hooks) = hooks else { return Ok(Self::default()) };
        #[allow(deprecated, reason = "configurations have it, and a runtime has to run it")]
        let prestart = hooks.prestart();
        Ok(Self {
            prestart: list(HookKind::Prestart, prestart)?,
            create_runtime: list(HookKind::CreateRuntime, hooks.create_runtime())?,
            create_container: list(HookKind::CreateContainer, hooks.create_container())?,
            start_container: list(HookKind::StartContainer, hooks.start_container())?,
            poststart: list(HookKind::Poststart, hooks.poststart())?,
            poststop: list(HookKind::Poststop, hooks.poststop())?,
        })
    }
}

impl fmt::Display for HookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        })
    }
}

fn list(kind: HookKind, hooks: &Option<Vec<oci::Hook>>) -> Result<Vec<Hook>, Error> {
    hooks.iter().flatten().enumerate().map(|(index, hook)| one(kind, index, hook)).collect()
}

fn one(kind: HookKind, index: usize, hook: &oci::Hook) -> Result<Hook, Error> {
    let field = |name: &str| format!("hooks.{kind}[{index}].{name}");
    let path = hook.path();
    if !path.is_absolute() {
        return Err(Error::invalid(field("path"), format!("{path:?}"), "an absolute path"));
    }
    let timeout = hook.timeout().map(|seconds| match u32::try_from(seconds) {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(Error::invalid(field("timeout"), seconds, "1 to 4294967295 seconds")),
    });
    let path_text = path.to_string_lossy().into_owned();
    let args = hook.args().clone().filter(|args| !args.is_empty()).unwrap_or_else(|| vec![path_text.clone()]);
    let env = hook.env().clone().unwrap_or_default();
    for (name, texts) in [("path", &vec![path_text]), ("args", &args), ("env", &env)] {
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(Error::invalid(field(name), "with a NUL in it", "text without NUL"));
        }
    }
    Ok(Hook { index, path: path.clone(), args, env, timeout: timeout.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(hooks: &Value) -> Result<Hooks, Error> {
        Hooks::check(Some(&serde_json::from_value(hooks.clone()).unwrap()))
    }

    #[test]
    fn every_kind_is_read_in_its_order() {
        let kinds =
            ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
        let list =
            json!([{ "path": "/a" }, { "path": "/b", "args": ["x", "y"], "env": ["A=b"], "timeout": 3 }]);
        let config: serde_json::Map<_, _> =
            kinds.iter().map(|kind| ((*kind).to_owned(), list.clone())).collect();
        let hooks = check(&Value::Object(config)).unwrap();
        let lists = [
            hooks.prestart,
            hooks.create_runtime,
            hooks.create_container,
            hooks.start_container,
            hooks.poststart,
            hooks.poststop,
        ];
        for list in lists {
            assert_eq!(list.iter().map(|hook| hook.index).collect::<Vec<_>>(), [0, 1]);
            assert_eq!(
                (list[0].args.as_slice(), list[0].env.len(), list[0].timeout),
                (["/a".to_owned()].as_slice(), 0, None)
            );
            assert_eq!((list[1].args.join(" "), list[1].timeout), ("x y".into(), Some(3)));
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        for (hook, field) in [
            (json!({ "path": "bin/x" }), "hooks.poststop[1].path"),
            (json!({ "path": "" }), "hooks.poststop[1].path"),
            (json!({ "path": "/x", "timeout": 0 }), "hooks.poststop[1].timeout"),
            (json!({ "path": "/x", "timeout": -1 }), "hooks.poststop[1].timeout"),
            (json!({ "path": "/x", "args": ["a\0b"] }), "hooks.poststop[1].args"),
            (json!({ "path": "/x", "env": ["a\0b"] }), "hooks.poststop[1].env"),
        ] {
            let error = check(&json!({ "poststop": [{ "path": "/ok" }, hook] })).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}
