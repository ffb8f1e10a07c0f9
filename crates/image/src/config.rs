//! What the configuration of an image says of its containers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::ContainerConfig;

/// What a container of the image runs if nothing else is asked for. What the image leaves out is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The beginning of the command, which arguments of the user are put behind.
    pub entrypoint: Vec<String>,
    /// The rest of the command, which arguments of the user replace.
    pub cmd: Vec<String>,
    /// Environment variables as `NAME=VALUE`.
    pub env: Vec<String>,
    /// The working directory; empty for `/`.
    pub working_dir: String,
    /// `USER[:GROUP]`, each by name or number; empty for root. See [`crate::user_of_layers`].
    pub user: String,
    /// The signal that asks the command to end, by name or number.
    pub stop_signal: Option<String>,
    /// The directories for which volumes are meant.
    pub volumes: Vec<String>,
    /// The ports that the command listens on, as `PORT[/PROTOCOL]`.
    pub exposed_ports: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl From<ContainerConfig> for Config {
    fn from(document: ContainerConfig) -> Self {
        let labels = document.labels.unwrap_or_default();
        Self {
            entrypoint: document.entrypoint.unwrap_or_default(),
            cmd: document.cmd.unwrap_or_default(),
            env: document.env.unwrap_or_default(),
            working_dir: document.working_dir.unwrap_or_default(),
            user: document.user.unwrap_or_default(),
            stop_signal: document.stop_signal.filter(|signal| !signal.is_empty()),
            volumes: document.volumes.unwrap_or_default().into_keys().collect(),
            exposed_ports: document.exposed_ports.unwrap_or_default().into_keys().collect(),
            labels: labels.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect(),
        }
    }
}
