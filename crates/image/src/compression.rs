//! How a layer is compressed: told by its media type, and verified by its first bytes.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::tar::input::skip_by_reading;

/// The compression of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// What a media type says; `Err` if it is not that of a layer, `Ok(None)` if it leaves it open.
    pub(crate) fn of_media_type(media_type: &str) -> Result<Option<Self>, ()> {
        const OCI: [&str; 2] = [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
        ];
        const DOCKER: [&str; 2] = [
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar",
        ];
        if media_type.is_empty() {
            return Ok(None);
        }
        let suffix = OCI.iter().chain(&DOCKER).find_map(|prefix| media_type.strip_prefix(prefix)).ok_or(())?;
        match suffix {
            "" => Ok(Some(Self::None)),
            "+gzip" | ".gzip" => Ok(Some(Self::Gzip)),
            "+zstd" | ".zstd" => Ok(Some(Self::Zstd)),
            _ => Err(()),
        }
    }

    /// What the first bytes of a blob say.
    pub(crate) fn of_content(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or one that is to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "not compressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// A reader of what was compressed. It reads `source` to its end.
    pub(crate) fn decoder<'a>(self, source: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::None => Box::new(source),
            Self::Gzip => Box::new(Gzip { decoder: Some(GzDecoder::new(source)) }),
            Self::Zstd => Box::new(Zstd { source, frame: FrameDecoder::new(), within: false }),
        }
    }
}

/// The members of a gzip stream, one behind the other. What follows the last and is no member is an error of its own,
/// as it is not cut off.
struct Gzip<R> {
    decoder: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut source) = self.decoder.take().map(GzDecoder::into_inner) else { break };
            match source.fill_buf()?.first() {
                None => break,
                // The first byte of every member.
                Some(0x1f) => self.decoder = Some(GzDecoder::new(source)),
                Some(_) => {
                    let cause = "something that is not gzip follows its end";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, cause));
                }
            }
        }
        Ok(0)
    }
}

/// The frames of a zstd stream, one behind the other. The window is bounded to 128 MiB, as `zstd -d` does.
struct Zstd<R> {
    source: R,
    frame: FrameDecoder,
    within: bool,
}

impl<R: BufRead> Zstd<R> {
    /// Begins the next frame; `false` at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.source) {
                Ok(()) => {
                    self.within = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    skip_by_reading(&mut self.source, length.into())?;
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            while self.frame.can_collect() < buffer.len() && !self.frame.is_finished() {
                let missing = buffer.len() - self.frame.can_collect();
                let strategy = BlockDecodingStrategy::UptoBytes(missing);
                self.frame
                    .decode_blocks(&mut self.source, strategy)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
            let count = self.frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.within = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(compression: Compression, content: &[u8]) -> io::Result<Vec<u8>> {
        let mut output = Vec::new();
        compression.decoder(content).read_to_end(&mut output).map(|_| output)
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn several_members_make_one_stream() {
        let text = b"abc".repeat(100_000);
        let twice = [&text[..], &text[..]].concat();
        assert_eq!(all(Compression::Gzip, &[gzip(&text), gzip(&text)].concat()).unwrap(), twice);
        let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0xyz".to_vec(), zstd(&text)].concat();
        assert_eq!(all(Compression::Zstd, &[zstd(&text), skipped].concat()).unwrap(), twice);
    }

    #[test]
    fn what_is_cut_off_or_followed_by_garbage_is_an_error() {
        let text = b"abc".repeat(100_000);
        for (compression, packed) in [(Compression::Gzip, gzip(&text)), (Compression::Zstd, zstd(&text))] {
            assert!(all(compression, &packed[..packed.len() - 3]).is_err(), "{compression:?} cut off");
            assert!(
                all(compression, &[&packed[..], b"garbage"].concat()).is_err(),
                "{compression:?} with garbage"
            );
        }
    }

    #[test]
    fn garbage_behind_gzip_is_not_called_cut_off() {
        let kind = |content: &[u8]| all(Compression::Gzip, content).unwrap_err().kind();
        let packed = gzip(b"abc");
        assert_eq!(kind(&[&packed[..], b"garbage"].concat()), io::ErrorKind::InvalidData);
        assert_eq!(kind(&[&packed[..], b"x"].concat()), io::ErrorKind::InvalidData);
        assert_eq!(kind(&packed[..packed.len() - 3]), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn media_types_tell_the_compression() {
        let of = Compression::of_media_type;
        assert_eq!(of("application/vnd.oci.image.layer.v1.tar+zstd"), Ok(Some(Compression::Zstd)));
        assert_eq!(of("application/vnd.docker.image.rootfs.diff.tar.gzip"), Ok(Some(Compression::Gzip)));
        assert_eq!(of("application/vnd.oci.image.layer.v1.tar"), Ok(Some(Compression::None)));
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("application/vnd.oci.image.layer.v1.tar+encrypted"), Err(()));
        assert_eq!(of("text/html"), Err(()));
    }
}
