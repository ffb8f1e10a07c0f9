//! What is wrong with a configuration, and where.

use std::path::PathBuf;

/// A bundle that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is not JSON, or not of the configuration's form.
    #[error("{path} is not an OCI configuration")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        cause: serde_json::Error,
    },
    /// A value of another kind than the specification has there.
    #[error("config.json: {field} is not what the specification has there")]
    Form {
        /// The JSON path.
        field: String,
        /// What was expected.
        #[source]
        cause: serde_json::Error,
    },
    /// A value that the specification does not allow.
    #[error("config.json: {field} is {value}")]
    Invalid {
        /// The JSON path.
        field: String,
        /// What stands there.
        value: String,
        /// What may stand there.
        allowed: String,
    },
}

impl Error {
    /// An invalid value.
    #[allow(clippy::needless_pass_by_value, reason = "the values at hand are numbers and fresh strings")]
    pub fn invalid(field: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), value: value.to_string(), allowed: allowed.into() }
    }

    /// The JSON path of what is wrong, where it has one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Form { field, .. } | Self::Invalid { field, .. } => Some(field),
            Self::Read { .. } | Self::Syntax { .. } => None,
        }
    }

    /// With the index that an element of `list` has, which was found alone.
    pub(crate) fn at_index(mut self, list: &str, index: usize) -> Self {
        if let Self::Form { field, .. } | Self::Invalid { field, .. } = &mut self {
            *field = field.replacen(&format!("{list}[0]"), &format!("{list}[{index}]"), 1);
        }
        self
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => {
                Some("a bundle is a directory with a config.json and a root file system".into())
            }
            Self::Syntax { .. } | Self::Form { .. } => None,
            Self::Invalid { allowed, .. } => Some(format!("allowed: {allowed}")),
        }
    }
}
