//! The entries of a tar archive from anywhere: every header that an entry may have is bounded.
//!
//! The library reads a long name of any size into memory, which a compressed archive of a few
//! kilobytes can have.

use std::collections::BTreeMap;
use std::io::{self, Read};

use tar::{Entries, Entry, EntryType};

use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::{Bytes, TreePath};

/// The most bytes of an extended header, such as a long name.
const LONGEST: u64 = 1 << 20;

/// The prefix of extended attributes in extended headers.
const XATTR: &str = "SCHILY.xattr.";

/// What the headers of an entry contain.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) path: TreePath,
    pub(super) kind: EntryType,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) user: u64,
    pub(super) group: u64,
    /// Seconds since 1970, and nanoseconds.
    pub(super) changed: (i64, u32),
    pub(super) xattrs: BTreeMap<String, Bytes>,
}

/// The key and the value in an extended header.
type Record = (String, Vec<u8>);

/// The extended headers before an entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Vec<Record>,
}

/// Calls `each` with every entry.
pub(super) fn each<'a, R: Read>(
    entries: Entries<'a, R>,
    mut each: impl FnMut(Described, &mut Entry<'a, R>) -> Result<()>,
) -> Result<()> {
    let mut extended = Extended::default();
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        match entry.header().entry_type() {
            EntryType::GNULongName => extended.path = Some(text(&mut entry)?),
            EntryType::GNULongLink => extended.link = Some(text(&mut entry)?),
            EntryType::XHeader => extended.records = records(&bounded(&mut entry)?)?,
            EntryType::XGlobalHeader => {}
            _ => {
                let described = describe(&entry, std::mem::take(&mut extended))?;
                each(described, &mut entry)?;
            }
        }
    }
    Ok(())
}

/// The error of an archive that cannot be read. A reader that gives an error of this crate has
/// found the reason.
pub(super) fn damaged(error: io::Error) -> Error {
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

pub(super) fn corrupt(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, why.into())
}

fn bounded(entry: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(LONGEST + 1).read_to_end(&mut bytes).map_err(damaged)?;
    match bytes.len() as u64 > LONGEST {
        true => Err(corrupt("the archive has a name or a header of more than 1 MiB")),
        false => Ok(bytes),
    }
}

/// A long name, which ends with a zero byte.
fn text(entry: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = bounded(entry)?;
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    Ok(bytes)
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
    let key = std::str::from_utf8(&text[..equals]).ok()?.to_owned();
    Some(((key, text[equals + 1..].to_vec()), rest))
}

fn describe(entry: &Entry<'_, impl Read>, extended: Extended) -> Result<Described> {
    let header = entry.header();
    let path = match &extended.path {
        Some(path) => TreePath::normal(path)?,
        None => TreePath::normal(&header.path_bytes())?,
    };
    let invalid = |error: io::Error| corrupt(format!("the archive has an invalid entry {path}: {error}"));
    let kind = header.entry_type();
    if kind.is_gnu_sparse() {
        return Err(corrupt(format!(
            "{path} is a sparse file of GNU tar, which images do not have"
        )));
    }
    let link = header.link_name_bytes().map(|link| link.into_owned());
    let mut described = Described {
        kind,
        link: extended.link.or(link).unwrap_or_default(),
        size: header.entry_size().map_err(invalid)?,
        mode: header.mode().map_err(invalid)? & 0o7777,
        user: or_zero(header.uid(), &header.as_old().uid).map_err(invalid)?,
        group: or_zero(header.gid(), &header.as_old().gid).map_err(invalid)?,
        changed: (
            seconds(or_zero(header.mtime(), &header.as_old().mtime).map_err(invalid)?),
            0,
        ),
        xattrs: BTreeMap::new(),
        path: path.clone(),
    };
    for (key, value) in extended.records {
        described.apply(&key, value)?;
    }
    Ok(described)
}

/// A number, which programs leave empty for zero.
fn or_zero(number: io::Result<u64>, field: &[u8]) -> io::Result<u64> {
    match field.iter().all(|byte| matches!(byte, 0 | b' ')) {
        true => Ok(0),
        false => number,
    }
}

/// A time before 1970 or far away is 1970.
fn seconds(time: u64) -> i64 {
    i64::try_from(time).unwrap_or_default()
}

impl Described {
    /// Applies a record of an extended header.
    fn apply(&mut self, key: &str, value: Vec<u8>) -> Result<()> {
        let number = || std::str::from_utf8(&value).ok()?.parse::<u64>().ok();
        let invalid = || corrupt(format!("the archive has an invalid {key} of {}", self.path));
        match key {
            "path" => self.path = TreePath::normal(&value)?,
            "linkpath" => self.link = value,
            "uid" => self.user = number().ok_or_else(invalid)?,
            "gid" => self.group = number().ok_or_else(invalid)?,
            "mtime" => self.changed = time(&value).ok_or_else(invalid)?,
            // The end of the content was found by the header.
            "size" if number() != Some(self.size) => {
                return Err(corrupt(format!("{} has two different sizes", self.path)));
            }
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    self.xattrs.insert(name.to_owned(), value.into());
                }
            }
        }
        Ok(())
    }
}

/// Reads `1700000000.25`; parts of a nanosecond are cut.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits: String = fraction.chars().take(9).collect();
    while digits.len() < 9 {
        digits.push('0');
    }
    let (seconds, nanos) = (whole.parse::<i64>().ok()?, digits.parse::<u32>().ok()?);
    match seconds < 0 || whole.starts_with('-') {
        true => Some((seconds, 0)),
        false => Some((seconds, nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tar::{Archive, Header};

    fn read(archive: &[u8]) -> Result<Vec<Described>> {
        let mut found = Vec::new();
        let mut archive = Archive::new(archive);
        let entries = archive.entries().map_err(damaged)?;
        each(entries, |described, _| {
            found.push(described);
            Ok(())
        })?;
        Ok(found)
    }

    fn block(kind: EntryType, name: &[u8], content: &[u8]) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(7);
        header.set_uid(1);
        header.set_gid(2);
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    #[test]
    fn extended_headers_belong_to_the_next_entry() {
        let long = vec![b'n'; 300];
        let pax = b"13 mtime=9.5\n15 uid=3000000\n27 SCHILY.xattr.user.a=b\nc\n";
        let archive = [
            block(
                EntryType::GNULongName,
                b"././@LongLink",
                &[&long[..], b"\0"].concat(),
            ),
            block(EntryType::Regular, b"nnn", b"content"),
            block(EntryType::XHeader, b"pax", &pax[..]),
            block(EntryType::Regular, b"b", b""),
            block(EntryType::Regular, b"c", b""),
        ];
        let found = read(&archive.concat());
        let found = found.unwrap();
        assert_eq!(found[0].path.as_bytes(), long);
        assert_eq!((found[0].size, found[0].changed), (7, (7, 0)));
        assert_eq!(
            (found[1].user, found[1].group, found[1].changed),
            (3_000_000, 2, (9, 500_000_000))
        );
        assert_eq!(found[1].xattrs["user.a"].as_slice(), b"b\nc");
        assert_eq!((found[2].user, found[2].path.to_string()), (1, "/c".to_owned()));
    }

    #[test]
    fn long_target_of_a_link_belongs_to_the_next_entry() {
        let long = vec![b't'; 300];
        let archive = [
            block(EntryType::XGlobalHeader, b"pax_global_header", b"9 a=bcd\n"),
            block(
                EntryType::GNULongLink,
                b"././@LongLink",
                &[&long[..], b"\0"].concat(),
            ),
            block(EntryType::Symlink, b"link", b""),
            block(EntryType::Symlink, b"next", b""),
            block(EntryType::XHeader, b"pax", b"14 mtime=-1.5\n"),
            block(EntryType::Regular, b"old", b""),
        ];
        let found = read(&archive.concat()).unwrap();
        assert_eq!(
            (found[0].link.as_slice(), found[0].path.as_bytes()),
            (&long[..], &b"link"[..])
        );
        assert_eq!(found[1].link.as_slice(), b"");
        // Before 1970, without the fraction.
        assert_eq!((found.len(), found[2].changed), (3, (-1, 0)));
    }

    #[test]
    fn huge_or_contradictory_header_is_an_error() {
        let huge = vec![b'n'; (1 << 20) + 1];
        for (archive, why) in [
            (block(EntryType::GNULongName, b"x", &huge), "more than 1 MiB"),
            (
                [
                    block(EntryType::XHeader, b"x", b"16 size=9999999\n"),
                    block(EntryType::Regular, b"a", b"x"),
                ]
                .concat(),
                "two different sizes",
            ),
            (block(EntryType::XHeader, b"x", b"99 a=b\n"), "invalid header"),
            (block(EntryType::Regular, b"../x", b""), "is not a path"),
            (block(EntryType::GNUSparse, b"x", b""), "sparse"),
            (vec![b'x'; 1024], "damaged, or no archive"),
        ] {
            let error = read(&archive).unwrap_err();
            let text = error.to_string();
            assert!(
                error.kind() == ErrorKind::Corrupt && text.contains(why),
                "{why}: {text}"
            );
            assert!(!format!("{error:?}").contains("xxxx"), "{text}");
        }
    }
}
