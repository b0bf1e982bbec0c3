//! Reads data that is compressed with zstd: frames, one after the other, and between them frames
//! that have no data. An archive whose files can be fetched one by one has a frame for each.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The bytes at the beginning of a frame with data.
pub(super) const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How much of a frame is decoded at once.
const PIECE: usize = 128 << 10;

/// Decompresses all frames of a file.
pub(super) struct Zstd<R> {
    from: R,
    decoder: FrameDecoder,
    /// Whether the decoder is in a frame.
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(from: R) -> Self {
        let decoder = FrameDecoder::new();
        Self {
            from,
            decoder,
            in_frame: false,
        }
    }

    /// Goes to the next frame with data. Returns whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.from.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.from) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut self.from.by_ref().take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(damaged(&error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            self.in_frame = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let piece = BlockDecodingStrategy::UptoBytes(PIECE);
                self.decoder
                    .decode_blocks(&mut self.from, piece)
                    .map_err(|error| damaged(&error))?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.in_frame = false;
        }
    }
}

fn damaged(error: &FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn frame(data: &[u8]) -> Vec<u8> {
        compress_to_vec(data, CompressionLevel::Fastest)
    }

    fn read(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        Zstd::new(file).read_to_end(&mut data).map(|_| data)
    }

    #[test]
    fn every_frame_with_data_is_read() {
        let (one, other) = (vec![7; 1 << 20], b"other".to_vec());
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let frames = [frame(&one), frame(b""), frame(&other)];
        let file = [&skipped, &frames[0], &skipped, &frames[1], &frames[2]].map(|part| &part[..]);
        let file = file.concat();
        assert_eq!(read(&file).unwrap(), [one, other].concat());
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn file_that_is_cut_or_changed_is_an_error() {
        let random: Vec<u8> = (0..100_000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let file = frame(&random);
        for end in [1, 5, 9, file.len() / 2, file.len() - 1] {
            read(&file[..end]).unwrap_err();
        }
        read(&[&file[..], b"more"].concat()).unwrap_err();
        read(&[0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1]).unwrap_err();
    }
}
