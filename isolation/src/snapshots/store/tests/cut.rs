//! Contents that repeat earlier ones give the same chunks as if they were cut anew.

use super::*;

/// A store with contents, and their chunks.
fn stored(contents: &[&[u8]]) -> (tempfile::TempDir, SnapshotStore, Vec<Vec<Digest>>) {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let mut writer = store.writer().unwrap();
    let all = contents
        .iter()
        .map(|content| writer.content(*content, &[]).unwrap().1)
        .collect();
    writer.finish().unwrap();
    (home, store, all)
}

/// A reader that returns a few bytes at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.len().min(buffer.len()).min(4093);
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

#[test]
fn chunks_do_not_depend_on_the_earlier_ones() {
    let before = noise(900_000, 11);
    let change = |from: usize, to: usize, new: Vec<u8>| {
        let mut content = before.clone();
        content.splice(from..to, new);
        content
    };
    let changed = [
        before.clone(),
        Vec::new(),
        before[..600_001].to_vec(),
        [&before[..], &noise(70_000, 12)].concat(),
        change(0, 1, vec![before[0] ^ 1]),
        change(0, 40_000, Vec::new()),
        change(450_000, 450_000, noise(10, 13)),
        change(300_000, 700_000, noise(400_000, 14)),
        change(899_999, 900_000, vec![before[899_999] ^ 1]),
        [&before[400_000..], &before[..400_000]].concat(),
        vec![0; 300_000],
    ];
    let (_home, store, known) = stored(&[&before]);
    let mut writer = store.writer().unwrap();
    for (number, content) in changed.iter().enumerate() {
        let anew = writer.content(&content[..], &[]).unwrap();
        assert_eq!(anew.0, content.len() as u64);
        assert_eq!(writer.content(&content[..], &known[0]).unwrap(), anew, "{number}");
        assert_eq!(
            writer.content(Slow(content), &known[0]).unwrap(),
            anew,
            "{number}"
        );
    }
    // A change of the first byte of each chunk, and of the byte before it.
    let session = Arc::clone(writer.session());
    let mut at = 0;
    for chunk in &known[0] {
        for place in [at, at.max(1) - 1] {
            let content = change(place, place + 1, vec![before[place] ^ 1]);
            let anew = writer.content(&content[..], &[]).unwrap();
            assert_eq!(writer.content(&content[..], &known[0]).unwrap(), anew, "{place}");
        }
        at += session.chunk(chunk).unwrap().len();
    }
}

#[test]
fn repeated_content_is_neither_cut_nor_stored() {
    let before = noise(3 << 20, 21);
    let (_home, store, known) = stored(&[&before]);
    let mut writer = store.writer().unwrap();
    let session = Arc::clone(writer.session());
    let mut earlier = super::super::cut::Earlier::new(&session, &known[0]);
    let mut at = 0;
    for chunk in &known[0] {
        let (digest, length) = earlier.repeated(&before[at..]).unwrap();
        assert_eq!(digest, *chunk);
        at += length;
    }
    assert_eq!(at, before.len());
    writer.content(&before[..], &known[0]).unwrap();
    writer.finish().unwrap();
    assert_eq!(writer.bytes(), 0);
}

#[test]
fn damaged_chunk_of_a_repeated_content_is_replaced() {
    let before = noise(400_000, 31);
    let (_home, store, known) = stored(&[&before]);
    let pack = fs::read_dir(store.packs()).unwrap().next().unwrap().unwrap();
    let mut content = fs::read(pack.path()).unwrap();
    content[100_000] ^= 1;
    fs::write(pack.path(), &content).unwrap();
    let mut writer = store.writer().unwrap();
    assert_eq!(writer.content(&before[..], &known[0]).unwrap().1, known[0]);
    writer.finish().unwrap();
    assert!(writer.bytes() > 0);
    let session = store.session().unwrap();
    let mut read = Vec::new();
    session.content(&known[0]).read_to_end(&mut read).unwrap();
    assert!(read == before);
}

/// Returns these outcomes one after the other.
struct Scripted(Vec<io::Result<&'static [u8]>>);

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let bytes = self.0.remove(0)?;
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

#[test]
fn interrupted_read_is_repeated_and_an_error_is_not() {
    let home = tempfile::tempdir().unwrap();
    let mut writer = open(home.path()).writer().unwrap();
    let interrupted = || Err(io::ErrorKind::Interrupted.into());
    let (size, _) = writer
        .content(
            Scripted(vec![Ok(b"one"), interrupted(), Ok(b"two"), interrupted()]),
            &[],
        )
        .unwrap();
    assert_eq!(size, 6);
    let failing = Scripted(vec![
        Ok(b"one"),
        Err(io::Error::other("the cable is cut")),
        Ok(b"two"),
    ]);
    let error = writer.content(failing, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("the cable is cut"), "{error}");
}
