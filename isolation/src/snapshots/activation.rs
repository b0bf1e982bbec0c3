//! The variables that activate a virtual environment of Python. A snapshot keeps their values: they
//! are paths, and without them a restored environment would use another interpreter.

use std::path::Path;

use crate::spec::variables::Variables;

/// Takes the variables out of those of a specification; none unless `VIRTUAL_ENV` is a directory
/// whose programs are the first ones on the `PATH`.
pub(super) fn take(env: &mut Variables) -> Variables {
    match activates(env) {
        true => ["PATH", "VIRTUAL_ENV"]
            .into_iter()
            .filter_map(|name| env.remove_entry(name))
            .collect(),
        false => Variables::default(),
    }
}

fn activates(env: &Variables) -> bool {
    let (Some(directory), Some(path)) = (env.get("VIRTUAL_ENV"), env.get("PATH")) else {
        return false;
    };
    let mut places = path.split(':');
    let first = places.next().unwrap_or_default();
    Path::new(directory).is_absolute()
        && Path::new(first) == Path::new(directory).join("bin")
        && places.all(|place| Path::new(place).is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_an_activation_are_taken() {
        let env = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Variables>();
        let activated = [
            ("PATH", "/work/.venv/bin:/usr/bin:/bin"),
            ("VIRTUAL_ENV", "/work/.venv"),
        ];
        let mut all = env(&[activated[0], activated[1], ("TOKEN", "hunter2")]);
        assert_eq!(take(&mut all), env(&activated));
        assert_eq!(all, env(&[("TOKEN", "hunter2")]));
        for other in [
            &activated[..1],
            &activated[1..],
            &[activated[0], ("VIRTUAL_ENV", "/other")],
            &[activated[0], ("VIRTUAL_ENV", "work/.venv")],
            &[("PATH", "/work/.venv/bin:hunter2"), activated[1]],
            &[("PATH", ""), ("VIRTUAL_ENV", "")],
        ] {
            let mut kept = env(other);
            assert_eq!(take(&mut kept), Variables::default(), "{other:?}");
            assert_eq!(kept, env(other));
        }
    }
}
