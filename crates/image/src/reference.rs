//! What a user calls an image: where it lies and which one it is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Digest, Error};

/// The form in which an image lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// `oci:`, a directory that is an OCI image layout.
    Oci,
    /// `oci-archive:`, a tar of such a directory.
    OciArchive,
    /// `docker-archive:`, as `docker save`, `podman save` and `skopeo copy` write it.
    DockerArchive,
}

impl Transport {
    fn prefix(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }
}

/// Which of the images in one place is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selector {
    /// None was named: the only one there is, else the one tagged `latest`.
    Default,
    /// The one of this tag, or of this `NAME:TAG` in an archive of Docker.
    Tag(String),
    /// The one whose manifest or index has this digest.
    Digest(Digest),
}

/// The name of an image: `oci:PATH[:TAG]`, `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME:TAG]`.
///
/// The path ends at the first colon, as for skopeo and umoci. `@sha256:HEX` in the place of the tag selects by
/// digest in a layout. Displays as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The form in which the image lies on disk.
    pub transport: Transport,
    /// The directory or the archive.
    pub path: PathBuf,
    /// Which of the images there.
    pub selector: Selector,
}

impl Reference {
    /// Reads a reference as a user writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Reference`] says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::Reference { text: text.to_owned(), reason };
        let (transport, rest) = text.split_once(':').ok_or_else(|| wrong(NO_TRANSPORT))?;
        let transport = [Transport::Oci, Transport::OciArchive, Transport::DockerArchive]
            .into_iter()
            .find(|known| known.prefix() == transport)
            .ok_or_else(|| wrong(NO_TRANSPORT))?;
        let (path, selector) = match (rest.split_once("@sha256:"), rest.split_once(':')) {
            (Some((path, hex)), _) if transport != Transport::DockerArchive && !path.contains(':') => {
                (path, Selector::Digest(Digest::from_hex(hex).ok_or_else(|| wrong(BAD_DIGEST))?))
            }
            (_, Some((_, ""))) => return Err(wrong("the tag is empty")),
            (_, Some((path, tag))) => (path, Selector::Tag(tag.to_owned())),
            (_, None) => (rest, Selector::Default),
        };
        if path.is_empty() || text.contains('\0') {
            return Err(wrong("it names no path"));
        }
        Ok(Self { transport, path: path.into(), selector })
    }
}

const NO_TRANSPORT: &str = "it must begin with \"oci:\", \"oci-archive:\" or \"docker-archive:\"";
const BAD_DIGEST: &str = "a digest is \"sha256:\" and 64 lower-case hexadecimal digits";

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.prefix(), self.path.display())?;
        match &self.selector {
            Selector::Default => Ok(()),
            Selector::Tag(tag) => write!(f, ":{tag}"),
            Selector::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_printed_again() {
        let hex = "0".repeat(64);
        for text in [
            "oci:./layout",
            "oci:/a/b:latest",
            "oci:layout:docker.io/library/debian:12",
            "oci-archive:x.tar:v1",
            "docker-archive:image.tar",
            "docker-archive:image.tar:localhost:5000/debian:bookworm",
            &format!("oci:layout@sha256:{hex}"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_path_ends_at_the_first_colon() {
        let reference = Reference::parse("docker-archive:a.tar:debian:12").unwrap();
        assert_eq!(reference.path, PathBuf::from("a.tar"));
        assert_eq!(reference.selector, Selector::Tag("debian:12".into()));
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_reason() {
        for text in
            ["", "debian", "docker:debian", "oci:", "oci::tag", "oci:path:", "oci:p@sha256:00", "oci:a\0b"]
        {
            assert!(matches!(Reference::parse(text), Err(Error::Reference { .. })), "{text:?}");
        }
    }
}
