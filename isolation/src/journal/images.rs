//! Images that were left to others. The image has no label of ours, so that only this file names
//! it, until the collection finds it unused.
//!
//! ```text
//! STATE/images/TAG.json   one image
//! ```

use std::fs;
use std::io;
use std::path::PathBuf;

use super::directory::StateDirectory;
use super::file::{failed, private, read, write};
use super::left_image::LeftImage;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};

/// The image of a file, or the reason why it cannot be read.
type Found = std::result::Result<LeftImage, (EnvironmentId, Error)>;

impl StateDirectory {
    fn images(&self) -> PathBuf {
        self.path().join("images")
    }

    fn image_file(&self, tag: &EnvironmentId) -> PathBuf {
        self.images().join(format!("{tag}.json"))
    }

    /// Notes an image of ours, if it is not noted.
    pub(crate) fn note_image(&self, left: &LeftImage) -> Result<()> {
        let Some(tag) = LeftImage::tag(&left.image) else {
            return Ok(());
        };
        let path = self.image_file(&tag);
        if path.exists() {
            return Ok(());
        }
        private(&self.images())?;
        write(&path, left)
    }

    /// Removes the note of an image, which does not exist any more.
    pub(crate) fn forget_image(&self, image: &str) -> Result<()> {
        let Some(tag) = LeftImage::tag(image) else {
            return Ok(());
        };
        let path = self.image_file(&tag);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// Whether an image is noted.
    pub(crate) fn is_left_image(&self, image: &str) -> bool {
        LeftImage::tag(image).is_some_and(|tag| self.image_file(&tag).exists())
    }

    /// Every noted image, ordered by tag.
    pub(crate) fn left_images(&self) -> Result<Vec<Found>> {
        let directory = self.images();
        let files = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|e| failed("list", &directory, e))?,
        };
        let mut tags = Vec::new();
        for file in files.flatten() {
            let name = file.file_name();
            let name = name.to_string_lossy();
            match name.strip_suffix(".json").map(str::parse::<EnvironmentId>) {
                Some(Ok(tag)) => tags.push(tag),
                _ if name.starts_with('.') => super::directory::drop_stale(&file.path()),
                _ => {}
            }
        }
        tags.sort();
        let read = |tag: EnvironmentId| match read::<LeftImage>(&self.image_file(&tag)) {
            Ok(found) => found.map(Ok),
            Err(error) => Some(Err((tag, error))),
        };
        Ok(tags.into_iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    fn left(image: &str) -> LeftImage {
        LeftImage {
            engine: "docker".to_owned(),
            address: "unix:///run/docker.sock".to_owned(),
            image: image.to_owned(),
        }
    }

    #[test]
    fn image_is_noted_until_it_is_forgotten() {
        let base = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(base.path()).unwrap();
        assert!(state.left_images().unwrap().is_empty());
        let (first, second) = (left("localhost/a:000000000000000a"), left("b:000000000000000b"));
        for image in [&second, &first, &first] {
            state.note_image(image).unwrap();
        }
        let found: Vec<_> = state.left_images().unwrap().into_iter().flatten().collect();
        assert_eq!(found, [first.clone(), second.clone()]);
        assert!(state.is_left_image(&first.image));
        for _ in 0..2 {
            state.forget_image(&first.image).unwrap();
        }
        assert!(!state.is_left_image(&first.image) && state.is_left_image(&second.image));
        // Names of others are not noted, and lead to no other file.
        for name in ["busybox", "busybox:latest", "a:../../journal/000000000000000a"] {
            state.note_image(&left(name)).unwrap();
            state.forget_image(name).unwrap();
            assert!(!state.is_left_image(name), "{name}");
        }
        assert_eq!(state.left_images().unwrap().len(), 1);
    }

    #[test]
    fn note_of_an_image_that_is_damaged_is_an_error() {
        let base = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(base.path()).unwrap();
        let image = left("a:000000000000000a");
        state.note_image(&image).unwrap();
        let path = state.images().join("000000000000000a.json");
        fs::write(&path, "{").unwrap();
        let unfinished = state.images().join(".000000000000000b.json.1");
        fs::write(&unfinished, "{").unwrap();
        File::open(&unfinished)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        fs::write(state.images().join("other"), "").unwrap();
        let found = state.left_images().unwrap();
        let [Err((tag, error))] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(tag.as_str(), "000000000000000a");
        assert!(error.to_string().contains("is damaged"), "{error}");
        assert!(!unfinished.exists());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = state.forget_image(&image.image).unwrap_err().to_string();
        assert!(error.contains("remove"), "{error}");
        fs::remove_dir_all(state.images()).unwrap();
        fs::write(state.images(), "a file").unwrap();
        state.note_image(&image).unwrap_err();
        let error = state.left_images().unwrap_err().to_string();
        assert!(error.contains("list"), "{error}");
    }
}
