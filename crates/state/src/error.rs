//! What can be wrong with the state of a container.

use std::path::PathBuf;

use crate::Status;

/// Why the state of a container could not be read, or not be changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No container has this id.
    #[error("container {id:?} does not exist")]
    NotFound {
        /// The id.
        id: String,
    },
    /// One has it already.
    #[error("container {id:?} exists already")]
    Exists {
        /// The id.
        id: String,
    },
    /// It is no id.
    #[error("{id:?} is no container id")]
    InvalidId {
        /// What was given.
        id: String,
    },
    /// What was asked is not possible in its state.
    #[error("cannot {action} container {id:?}: it is {status}")]
    Illegal {
        /// What was asked.
        action: &'static str,
        /// The id.
        id: String,
        /// Its status.
        status: Status,
    },
    /// The directory of states is not to be trusted.
    #[error("the run directory {path} is not this user's own")]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// A record that is not one.
    #[error("the record {path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        #[source]
        cause: serde_json::Error,
    },
    /// The kernel said no.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: String,
        /// The call.
        #[source]
        cause: holm_sys::Error,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => {
                Some("look for it in the list of containers, which has all that there are here".into())
            }
            Self::Exists { id } => Some(format!("take another name, or delete {id} first")),
            Self::InvalidId { .. } => {
                Some("an id has letters, digits and _ + - . in it, and at most 1024 of them".into())
            }
            Self::Illegal { status: Status::Stopped, .. } => Some("delete it, and create it again".into()),
            Self::Illegal { status: Status::Paused, .. } => Some("resume it first".into()),
            Self::Foreign { path } => Some(format!(
                "{} must be a directory with mode 0700 that belongs to you; remove it, or set XDG_RUNTIME_DIR",
                path.display()
            )),
            Self::Damaged { path, .. } => {
                Some(format!("remove {} once its container is gone", path.display()))
            }
            Self::Illegal { .. } | Self::System { .. } => None,
        }
    }
}
