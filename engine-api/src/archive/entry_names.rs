//! Writes entries whose names are any bytes.
//!
//! The tar crate rejects some long names that are not UTF-8, and shortens the targets of links.

use std::io::{self, Read, Write};
use std::path::{Component, Path};

use tar::{Builder, EntryType, Header};

/// The maximum length of a name in a header, in bytes.
const IN_HEADER: usize = 100;

/// Appends an entry. Its header is complete except for its name and the target of a link.
pub(super) fn append<W: Write>(
    builder: &mut Builder<W>,
    header: &mut Header,
    name: &Path,
    target: Option<&Path>,
    data: impl Read,
) -> io::Result<()> {
    let name = in_archive(name)?;
    if name.len() > IN_HEADER {
        long(builder, EntryType::GNULongName, &name)?;
    }
    let fields = header.as_old_mut();
    fields.name = start(&name);
    if let Some(target) = target {
        let target = bytes(target)?;
        if target.len() > IN_HEADER {
            long(builder, EntryType::GNULongLink, &target)?;
        }
        header.as_old_mut().linkname = start(&target);
    }
    header.set_cksum();
    builder.append(header, data)
}

/// The parts of a name with slashes; `.` for the directory itself.
fn in_archive(name: &Path) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for part in name.components() {
        if let Component::Normal(part) = part {
            if !all.is_empty() {
                all.push(b'/');
            }
            all.extend(bytes(Path::new(part))?);
        }
    }
    match all.is_empty() {
        true => Ok(b".".to_vec()),
        false => Ok(all),
    }
}

/// The bytes of a path in an archive, which has slashes on every system.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if cfg!(unix) {
        return Ok(path.as_os_str().as_encoded_bytes().to_vec());
    }
    let text = path.to_str().ok_or_else(|| {
        let reason = format!("{} is not Unicode, and cannot be in an archive", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })?;
    Ok(text.replace('\\', "/").into_bytes())
}

/// Appends an additional entry with a name that does not fit into the header of the next one.
pub(super) fn long<W: Write>(builder: &mut Builder<W>, kind: EntryType, name: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    // A zero byte ends the name.
    header.set_size(name.len() as u64 + 1);
    header.as_old_mut().name = start(b"././@LongLink");
    header.set_cksum();
    builder.append(&header, [name, &[0]].concat().as_slice())
}

fn start(name: &[u8]) -> [u8; IN_HEADER] {
    let mut field = [0; IN_HEADER];
    let length = name.len().min(IN_HEADER);
    field[..length].copy_from_slice(&name[..length]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_parts_and_have_slashes() {
        for (name, expected) in [("a/b", "a/b"), ("./a//b/", "a/b"), (".", "."), ("./.", ".")] {
            assert_eq!(in_archive(Path::new(name)).unwrap(), expected.as_bytes());
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_of_any_bytes_and_length_come_back() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let bad = |length: usize| vec![0xe9; length];
        for length in [1, 99, 100, 101, 250] {
            for name in [bad(length), [b"a/".as_slice(), &bad(length)].concat()] {
                let target = [b"./".as_slice(), &name, b"//"].concat();
                let mut builder = Builder::new(Vec::new());
                let mut header = Header::new_gnu();
                header.set_entry_type(EntryType::Symlink);
                header.set_size(0);
                let path = |bytes: &'_ [u8]| Path::new(OsStr::from_bytes(bytes)).to_owned();
                let (name_path, target_path) = (path(&name), path(&target));
                let data = io::empty();
                append(&mut builder, &mut header, &name_path, Some(&target_path), data).unwrap();
                let archive = builder.into_inner().unwrap();
                let mut archive = tar::Archive::new(&archive[..]);
                let entry = archive.entries().unwrap().next().unwrap().unwrap();
                assert_eq!(entry.path_bytes(), &name[..]);
                assert_eq!(entry.link_name_bytes().unwrap(), &target[..]);
            }
        }
    }
}
