//! Gives the entries of an archive names that the tar crate reads.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::mem;

use tar::{Builder, EntryType, GnuExtSparseHeader, Header};

use super::entry_names::long;

/// The maximum size of the headers and extended names before the data of one entry, in bytes.
const LONGEST_HEADERS: u64 = 1 << 20;

/// The size of a header. Data is padded to a multiple of it.
const BLOCK: usize = 512;

/// An archive whose entries have the same names, contents and attributes, for the tar crate.
///
/// The crate ends a record of an extended header (PAX) at the first line break. So a name with a
/// line break is cut, and an extended attribute with one fails. Here the names and targets of
/// extended headers are in headers of GNU tar, and records with line breaks are left out.
///
/// # Errors
///
/// Reading fails when the extended headers of an entry have more than 1 MiB, and when one of them
/// is damaged.
pub fn gnu_names<R: Read>(archive: R) -> impl Read {
    GnuNames {
        archive,
        ready: io::Cursor::default(),
        data: 0,
        has_ended: false,
        extended: Extended::default(),
        headers: 0,
    }
}

struct GnuNames<R> {
    archive: R,
    /// Headers that the caller reads next.
    ready: io::Cursor<Vec<u8>>,
    /// How many bytes after them belong to the data of an entry.
    data: u64,
    /// Whether the rest is not changed.
    has_ended: bool,
    extended: Extended,
    /// The size of the headers of the next entry so far.
    headers: u64,
}

/// The extended headers before an entry.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    records: BTreeMap<String, Vec<u8>>,
}

impl<R: Read> Read for GnuNames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.ready.read(buf)?;
            if read > 0 || buf.is_empty() {
                return Ok(read);
            }
            if self.data > 0 {
                let read = self.archive.by_ref().take(self.data).read(buf)?;
                self.data -= read as u64;
                return Ok(read);
            }
            if self.has_ended {
                return self.archive.read(buf);
            }
            self.next_header()?;
        }
    }
}

impl<R: Read> GnuNames<R> {
    fn next_header(&mut self) -> io::Result<()> {
        let block = self.block()?;
        let mut header = Header::new_old();
        if block.len() == BLOCK {
            header.as_mut_bytes().copy_from_slice(&block);
        }
        // The caller finds the end, and what is wrong with the header.
        if !is_valid(&header) {
            self.has_ended = true;
            return self.give(&block);
        }
        let is_known = header.as_gnu().is_some() || header.as_ustar().is_some();
        match header.entry_type() {
            EntryType::GNULongName if is_known => {
                let name = self.extension(&header)?;
                self.extended.name = Some(without_zero(name));
            }
            EntryType::GNULongLink if is_known => {
                let target = self.extension(&header)?;
                self.extended.target = Some(without_zero(target));
            }
            EntryType::XHeader if is_known => {
                let bytes = self.extension(&header)?;
                self.extended.records.extend(records(&bytes)?);
            }
            kind => {
                let mut size = header.entry_size()?;
                let stated = self.extended.records.get("size");
                if let Some(stated) = stated.filter(|_| !kind.is_pax_global_extensions()) {
                    let stated = std::str::from_utf8(stated)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    size = stated.ok_or_else(|| invalid("a size that is not a number"))?;
                }
                let padded = size.checked_next_multiple_of(BLOCK as u64);
                self.data = padded.ok_or_else(|| invalid("an impossible size"))?;
                let mut block = block;
                let mut goes_on =
                    kind.is_gnu_sparse() && header.as_gnu().is_some_and(|gnu| gnu.is_extended());
                while goes_on {
                    let more = self.block()?;
                    let mut list = GnuExtSparseHeader::new();
                    goes_on = more.len() == BLOCK;
                    if goes_on {
                        list.as_mut_bytes().copy_from_slice(&more);
                        goes_on = list.is_extended();
                    }
                    block.extend(more);
                }
                self.give(&block)?;
            }
        }
        Ok(())
    }

    /// Reads the next block of headers, or what is left of the archive.
    fn block(&mut self) -> io::Result<Vec<u8>> {
        self.headers += BLOCK as u64;
        self.check_size(0)?;
        let mut block = Vec::new();
        self.archive.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        Ok(block)
    }

    fn check_size(&self, more: u64) -> io::Result<()> {
        match self.headers.saturating_add(more) > LONGEST_HEADERS {
            true => Err(invalid("a header of more than 1 MiB")),
            false => Ok(()),
        }
    }

    /// Reads the content of an extended header.
    fn extension(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = header.entry_size()?;
        self.check_size(size)?;
        let padded = size.next_multiple_of(BLOCK as u64);
        self.headers += padded;
        let mut bytes = Vec::new();
        self.archive.by_ref().take(padded).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != padded {
            let why = "the archive ends in the middle of a header";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        bytes.truncate(usize::try_from(size).unwrap_or_default());
        Ok(bytes)
    }

    /// The caller reads the collected headers, and then this one.
    fn give(&mut self, block: &[u8]) -> io::Result<()> {
        self.headers = 0;
        let extended = mem::take(&mut self.extended);
        let mut records = extended.records;
        let mut take = |key| records.remove(key).filter(|value| !value.is_empty());
        let (name, target) = (take("path"), take("linkpath"));
        let mut builder = Builder::new(Vec::new());
        if let Some(name) = extended.name.or(name) {
            long(&mut builder, EntryType::GNULongName, &name)?;
        }
        if let Some(target) = extended.target.or(target) {
            long(&mut builder, EntryType::GNULongLink, &target)?;
        }
        let rest = records.iter().filter(|(_, value)| !value.contains(&b'\n'));
        builder.append_pax_extensions(rest.map(|(key, value)| (key.as_str(), value.as_slice())))?;
        let mut ready = mem::take(builder.get_mut());
        ready.extend_from_slice(block);
        self.ready = io::Cursor::new(ready);
        Ok(())
    }
}

/// Whether it is a header, and not the end of the archive or something else.
fn is_valid(header: &Header) -> bool {
    let bytes = header.as_bytes();
    // The field of the sum itself counts as blanks.
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let expected = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
    bytes.iter().any(|byte| *byte != 0) && header.cksum().is_ok_and(|found| found == expected)
}

fn without_zero(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

/// Reads the records `LENGTH KEY=VALUE`. Only the length ends a record. Keys that are not text
/// are left out.
fn records(mut bytes: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (key, value, rest) = record(bytes).ok_or_else(|| invalid("a damaged extended header"))?;
        if let Ok(key) = std::str::from_utf8(key) {
            found.push((key.to_owned(), value.to_vec()));
        }
        bytes = rest;
    }
    Ok(found)
}

/// The key and the value of the first record, and the bytes after it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (whole, rest) = bytes.split_at_checked(length)?;
    let text = whole.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    Some((&text[..equals], &text[equals + 1..], rest))
}

fn invalid(what: &str) -> io::Error {
    let why = format!("the archive has an entry with {what}");
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    /// The records before an entry, its kind and its data.
    type Given<'a> = (&'a [(&'a str, &'a [u8])], EntryType, &'a str);

    /// The name, the target and the content of an entry.
    type Found = (Vec<u8>, Vec<u8>, String);

    fn archive(entries: &[Given<'_>]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (records, kind, data) in entries {
            builder.append_pax_extensions(records.iter().copied()).unwrap();
            builder
                .append(&header(*kind, data.len() as u64), data.as_bytes())
                .unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<Found>> {
        let mut archive = tar::Archive::new(gnu_names(bytes));
        let entries = archive.entries()?.map(|entry| {
            let mut entry = entry?;
            let mut content = String::new();
            entry.read_to_string(&mut content)?;
            for record in entry.pax_extensions()?.into_iter().flatten() {
                record?;
            }
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            Ok((entry.path_bytes().into_owned(), target, content))
        });
        entries.collect()
    }

    #[test]
    fn names_with_line_breaks_are_whole() {
        let name = b"\xe9\n20 path=elsewhere\nx";
        let target = [&b"a\nb"[..], &[b'/'; 300]].concat();
        let attribute = (
            "SCHILY.xattr.security.capability",
            &b"\x01\0\n22 path=../evil\n"[..],
        );
        let bytes = archive(&[
            (&[("path", name), attribute], EntryType::Regular, "one"),
            (&[("linkpath", &target), ("path", b"two")], EntryType::Symlink, ""),
            (
                &[("path", b"old"), ("path", b"three"), attribute],
                EntryType::Regular,
                "3",
            ),
            (&[("path", b""), ("a", b"b")], EntryType::Regular, "last"),
        ]);
        let found = read(&bytes).unwrap();
        let plain = |name: &[u8], content: &str| (name.to_vec(), Vec::new(), content.to_owned());
        assert_eq!(found[0], plain(name, "one"));
        assert_eq!((&found[1].0[..], &found[1].1), (&b"two"[..], &target));
        assert_eq!(found[2..], [plain(b"three", "3"), plain(b"", "last")]);
    }

    #[test]
    fn names_of_gnu_tar_come_before_those_of_records() {
        let mut builder = Builder::new(Vec::new());
        let data = io::empty();
        builder
            .append_pax_extensions([("path", b"no".as_slice())])
            .unwrap();
        long(&mut builder, EntryType::GNULongName, b"yes").unwrap();
        long(&mut builder, EntryType::GNULongLink, b"there").unwrap();
        builder.append(&header(EntryType::Symlink, 0), data).unwrap();
        let found = read(&builder.into_inner().unwrap()).unwrap();
        assert_eq!(found, [(b"yes".to_vec(), b"there".to_vec(), String::new())]);
    }

    #[test]
    fn size_of_a_record_is_that_of_the_data() {
        let mut bytes = archive(&[(&[("size", b"5")], EntryType::Regular, "")]);
        bytes.truncate(3 * BLOCK);
        bytes.extend(b"hello");
        bytes.resize(4 * BLOCK, 0);
        bytes.extend(archive(&[(&[("path", b"a\nb")], EntryType::Regular, "x")]));
        let found = read(&bytes).unwrap();
        assert_eq!((found[0].2.as_str(), &found[1].0[..]), ("hello", &b"a\nb"[..]));
    }

    #[test]
    fn damaged_headers_are_errors() {
        let record = |text: &[u8]| {
            let mut builder = Builder::new(Vec::new());
            builder
                .append(&header(EntryType::XHeader, text.len() as u64), text)
                .unwrap();
            builder
                .append(&header(EntryType::Regular, 0), io::empty())
                .unwrap();
            builder.into_inner().unwrap()
        };
        let mut wrong_sum = archive(&[(&[], EntryType::Regular, "x")]);
        wrong_sum[0] = b'y';
        for (bytes, why) in [
            (record(b"99 a=b\n"), "a damaged extended header"),
            (record(b"7 abcd\n"), "a damaged extended header"),
            (record(b"8 size=x\n"), "a damaged extended header"),
            (record(b"9 size=x\n"), "a size that is not a number"),
            (record(b"29 size=18446744073709551615\n"), "an impossible size"),
            (record(b"6 a=b\n")[..600].to_vec(), "in the middle of a header"),
            (record(b"6 a=b\n")[..1024].to_vec(), "future member"),
            (wrong_sum, "checksum"),
        ] {
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(why), "{why}: {error}");
        }
        // A key that is not text is left out.
        assert_eq!(read(&record(b"6 \xff=b\n")).unwrap().len(), 1);
        assert!(read(b"").unwrap().is_empty());
    }

    #[test]
    fn sparse_file_keeps_its_data() {
        let mut sparse = Header::new_gnu();
        sparse.set_entry_type(EntryType::GNUSparse);
        let gnu = sparse.as_gnu_mut().unwrap();
        gnu.isextended[0] = 1;
        let number = |field: &mut [u8], value: u64| {
            field.copy_from_slice(format!("{value:0>width$o}", width = field.len()).as_bytes());
        };
        number(&mut gnu.sparse[0].offset, 512);
        number(&mut gnu.sparse[0].numbytes, 512);
        number(&mut gnu.realsize, 2048);
        let mut list = GnuExtSparseHeader::new();
        number(&mut list.sparse[0].offset, 1536);
        number(&mut list.sparse[0].numbytes, 512);
        sparse.set_size(1024);
        sparse.set_cksum();
        let data = [[b'1'; 512], [b'2'; 512]].concat();
        let mut bytes = [sparse.as_bytes().to_vec(), list.as_bytes().to_vec(), data].concat();
        bytes.extend(archive(&[(&[("path", b"a\nb")], EntryType::Regular, "x")]));
        let found = read(&bytes).unwrap();
        let expected = ["\0", "1", "\0", "2"].map(|byte| byte.repeat(512)).concat();
        assert_eq!((&found[0].2, &found[1].0[..]), (&expected, &b"a\nb"[..]));
        // A list without an end.
        let mut endless = sparse.as_bytes().to_vec();
        list.isextended[0] = 1;
        for _ in 0..2100 {
            endless.extend(list.as_bytes());
        }
        let error = read(&endless).unwrap_err().to_string();
        assert!(error.contains("more than 1 MiB"), "{error}");
    }
}
