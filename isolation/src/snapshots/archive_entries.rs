//! The entries of a tar archive from anywhere: every header that an entry may have is bounded.
//!
//! The tar crate reads a long name of any size into memory, and ends a record of an extended header
//! at the first line break. A value, such as an extended attribute, may have line breaks.

use std::io::{self, Read};
#[cfg(target_os = "linux")]
use std::io::{Seek, SeekFrom};

use tar::{EntryType, Header};

use super::attributes::Attributes;
use super::entry::TreePath;
use crate::error::{Error, ErrorKind, Result};

/// The most bytes of an extended header, such as a long name.
const LONGEST: u64 = 1 << 20;

/// The prefix of extended attributes in extended headers.
pub(super) const XATTR: &str = "SCHILY.xattr.";

/// The size of a header. Contents are padded to a multiple of it.
const BLOCK: u64 = 512;

/// The first size for which a header has no room: programs write another number there.
const TOO_LARGE: u64 = 1 << 33;

/// The contents of the headers of an entry.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) path: TreePath,
    pub(crate) kind: EntryType,
    pub(crate) link: Vec<u8>,
    /// The size of the content in bytes.
    pub(crate) size: u64,
    /// Where the content begins in the archive.
    pub(crate) position: u64,
    pub(crate) mode: u32,
    pub(crate) user: u64,
    pub(crate) group: u64,
    /// Seconds since 1970, and nanoseconds.
    pub(crate) changed: (i64, u32),
    /// The major and the minor number of a device.
    pub(crate) device: (u32, u32),
    pub(crate) xattrs: Attributes,
}

/// The key and the value in an extended header.
type Record = (Vec<u8>, Vec<u8>);

/// The extended headers before an entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Vec<Record>,
}

/// Calls `each` with every entry and its content. The content that it does not read is skipped.
pub(crate) fn each<R: Read>(
    archive: R,
    each: impl FnMut(Described, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let read_over = |archive: &mut R, size: u64| {
        let read = io::copy(&mut archive.take(size), &mut io::sink())?;
        match read == size {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    each_with(archive, read_over, each)
}

/// The first entry.
pub(super) fn first(archive: impl Read) -> Result<Option<Described>> {
    Entries { archive, position: 0 }.next()
}

/// The same for a file: contents that `each` does not read are not read.
#[cfg(target_os = "linux")]
pub(crate) fn each_in_file(
    archive: impl Read + Seek,
    each: impl FnMut(Described, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    each_with(archive, pass_over, each)
}

fn each_with<R: Read>(
    archive: R,
    pass_over: impl Fn(&mut R, u64) -> io::Result<()>,
    mut each: impl FnMut(Described, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut entries = Entries { archive, position: 0 };
    while let Some(described) = entries.next()? {
        let padded = padded(described.size)?;
        let padding = padded - described.size;
        let mut content = entries.archive.by_ref().take(described.size);
        each(described, &mut content)?;
        let rest = content.limit() + padding;
        pass_over(&mut entries.archive, rest).map_err(damaged)?;
        entries.position += padded;
    }
    Ok(())
}

struct Entries<R> {
    archive: R,
    position: u64,
}

impl<R: Read> Entries<R> {
    /// Reads up to the content of the next entry; `None` at the end.
    fn next(&mut self) -> Result<Option<Described>> {
        let mut extended = Extended::default();
        while let Some(header) = next_header(&mut self.archive)? {
            self.position += BLOCK;
            match header.entry_type() {
                EntryType::GNULongName => extended.path = Some(text(self.extension(&header)?)),
                EntryType::GNULongLink => extended.link = Some(text(self.extension(&header)?)),
                EntryType::XHeader => extended.records = records(&self.extension(&header)?)?,
                EntryType::XGlobalHeader => drop(self.extension(&header)?),
                _ => return describe(&header, self.position, extended).map(Some),
            }
        }
        Ok(None)
    }

    /// The content of an extended header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let size = header.entry_size().map_err(damaged)?;
        if size > LONGEST {
            return Err(corrupt("the archive has a name or a header of more than 1 MiB"));
        }
        let padded = padded(size)?;
        let mut bytes = Vec::new();
        self.archive
            .by_ref()
            .take(padded)
            .read_to_end(&mut bytes)
            .map_err(damaged)?;
        if bytes.len() as u64 != padded {
            return Err(corrupt(
                "the archive is damaged: it ends in the middle of a header",
            ));
        }
        self.position += padded;
        bytes.truncate(usize::try_from(size).unwrap_or_default());
        Ok(bytes)
    }
}

fn padded(size: u64) -> Result<u64> {
    let padded = size.checked_next_multiple_of(BLOCK);
    padded.ok_or_else(|| corrupt("the archive has an entry of an impossible size"))
}

#[cfg(target_os = "linux")]
fn pass_over(archive: &mut impl Seek, size: u64) -> io::Result<()> {
    let size = i64::try_from(size).map_err(io::Error::other)?;
    archive.seek(SeekFrom::Current(size)).map(drop)
}

/// The next header; `None` at the end.
fn next_header(archive: &mut impl Read) -> Result<Option<Header>> {
    let mut block = Vec::new();
    archive.take(BLOCK).read_to_end(&mut block).map_err(damaged)?;
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    if block.len() as u64 != BLOCK {
        return Err(corrupt(
            "the archive is damaged: it ends in the middle of a header",
        ));
    }
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(&block);
    // The field of the sum itself counts as blanks.
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
    match header.cksum().map_err(damaged)? == expected {
        true => Ok(Some(header)),
        false => Err(corrupt(
            "the archive is damaged: the checksum of a header is wrong",
        )),
    }
}

/// The error of an archive that cannot be read. A reader that gives an error of this crate has
/// found the reason.
pub(crate) fn damaged(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(reason) => reason,
        Err(error) => {
            let text = error.to_string();
            // Such a message has bytes of the file, which may be no archive and have secrets.
            match text.contains("when getting") {
                true => {
                    corrupt("the archive is damaged, or no archive: the header of a file in it is invalid")
                }
                false => corrupt(format!("the archive is damaged: {text}")),
            }
        }
    }
}

pub(crate) fn corrupt(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, why.into())
}

/// A long name, which ends with a zero byte.
fn text(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

/// Reads `LENGTH KEY=VALUE` lines. A value may have any bytes, so only the length ends a record.
fn records(mut bytes: &[u8]) -> Result<Vec<Record>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (record, rest) = record(bytes).ok_or_else(|| corrupt("the archive has an invalid header"))?;
        found.push(record);
        bytes = rest;
    }
    Ok(found)
}

/// The first record, and the bytes after it.
fn record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (whole, rest) = bytes.split_at_checked(length)?;
    let text = whole.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    Some(((text[..equals].to_vec(), text[equals + 1..].to_vec()), rest))
}

fn describe(header: &Header, position: u64, extended: Extended) -> Result<Described> {
    let path = match &extended.path {
        Some(path) => TreePath::normal(path)?,
        None => TreePath::normal(&header.path_bytes())?,
    };
    let invalid = |error: io::Error| corrupt(format!("the archive has an invalid entry {path}: {error}"));
    let kind = header.entry_type();
    if kind.is_gnu_sparse() {
        return Err(sparse(&path));
    }
    let device = match (kind, header.as_ustar(), header.as_gnu()) {
        (EntryType::Char | EntryType::Block, Some(ustar), _) => {
            numbers(header, &ustar.dev_major, &ustar.dev_minor).map_err(invalid)?
        }
        (EntryType::Char | EntryType::Block, _, Some(gnu)) => {
            numbers(header, &gnu.dev_major, &gnu.dev_minor).map_err(invalid)?
        }
        _ => (0, 0),
    };
    let link = header.link_name_bytes().map(|link| link.into_owned());
    let mut described = Described {
        kind,
        link: extended.link.or(link).unwrap_or_default(),
        size: header.entry_size().map_err(invalid)?,
        position,
        mode: or_zero(header.mode(), &header.as_old().mode).map_err(invalid)? & 0o7777,
        user: or_zero(header.uid(), &header.as_old().uid).map_err(invalid)?,
        group: or_zero(header.gid(), &header.as_old().gid).map_err(invalid)?,
        // A time before 1970 is in two's complement: the tar crate returns its bits.
        changed: (
            or_zero(header.mtime(), &header.as_old().mtime).map_err(invalid)? as i64,
            0,
        ),
        device,
        xattrs: Attributes::new(),
        path: path.clone(),
    };
    for (key, value) in extended.records {
        described.apply(&key, value)?;
    }
    Ok(described)
}

/// The numbers of a device.
fn numbers(header: &Header, major: &[u8], minor: &[u8]) -> io::Result<(u32, u32)> {
    let number =
        |number: io::Result<Option<u32>>, field| or_zero(number.map(Option::unwrap_or_default), field);
    Ok((
        number(header.device_major(), major)?,
        number(header.device_minor(), minor)?,
    ))
}

fn sparse(path: &TreePath) -> Error {
    corrupt(format!(
        "{path} is a sparse file of GNU tar, which images and engines do not have"
    ))
}

/// A number, which programs leave empty for zero.
fn or_zero<N: Default>(number: io::Result<N>, field: &[u8]) -> io::Result<N> {
    match field.iter().all(|byte| matches!(byte, 0 | b' ')) {
        true => Ok(N::default()),
        false => number,
    }
}

impl Described {
    /// Applies a record of an extended header.
    fn apply(&mut self, key: &[u8], value: Vec<u8>) -> Result<()> {
        if let Some(name) = key.strip_prefix(XATTR.as_bytes()) {
            self.xattrs.insert(name.into(), value.into());
            return Ok(());
        }
        let key = String::from_utf8_lossy(key);
        // An empty value takes back an earlier record.
        if value.is_empty() {
            return Ok(());
        }
        let number = || std::str::from_utf8(&value).ok()?.parse::<u64>().ok();
        let invalid = || corrupt(format!("the archive has an invalid {key} of {}", self.path));
        match &*key {
            "path" => self.path = TreePath::normal(&value)?,
            "linkpath" => self.link = value,
            "uid" => self.user = number().ok_or_else(invalid)?,
            "gid" => self.group = number().ok_or_else(invalid)?,
            "mtime" => {
                let text = std::str::from_utf8(&value).ok();
                self.changed = text.and_then(read_time).ok_or_else(invalid)?;
            }
            "size" => match number().ok_or_else(invalid)? {
                size if size == self.size || size >= TOO_LARGE => self.size = size,
                _ => return Err(corrupt(format!("{} has two different sizes", self.path))),
            },
            _ if key.starts_with("GNU.sparse.") => return Err(sparse(&self.path)),
            _ => {}
        }
        Ok(())
    }
}

/// Reads `1700000000.25`; parts of a nanosecond are cut.
pub(super) fn read_time(text: &str) -> Option<(i64, u32)> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = seconds.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos: u32 = digits.parse().ok()?;
    match seconds.starts_with('-') && nanos > 0 {
        true => Some((whole.checked_sub(1)?, 1_000_000_000 - nanos)),
        false => Some((whole, nanos)),
    }
}

#[cfg(test)]
mod tests;
