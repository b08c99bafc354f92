//! How does a file, or a directory with all that is in it, get to another place?

use std::fs::{self, File};
use std::path::Path;

use cofferdam_plugin::{Context, Failure, action, data, file_failure, make_directories_durably, write_durably_from};

use crate::read::no_file;
use crate::tree::{Wanted, walk};

/// What was copied.
#[data]
#[derive(Eq)]
pub(crate) struct Copied {
    /// Where it is now.
    path: String,
    /// How many files were copied.
    files: usize,
    /// How many bytes.
    bytes: u64,
}

/// Copies a file, or a directory with all files in it.
#[action(needs = [read, write], example = { "from": "data/orders.csv", "to": "import/orders.csv" })]
pub(crate) fn copy(
    /// Path of a file or a directory.
    from: String,
    /// Where it shall be; missing directories are made, a file that is there is replaced.
    to: String,
    ctx: &Context,
) -> Result<Copied, Failure> {
    let metadata = fs::metadata(&from).map_err(|error| file_failure(&from, &error))?;
    if metadata.is_file() {
        let bytes = copy_file(Path::new(&from), Path::new(&to), ctx)?;
        return Ok(Copied {
            path: to,
            files: 1,
            bytes,
        });
    }
    if !metadata.is_dir() {
        return Err(no_file(&from));
    }
    if Path::new(&to).starts_with(&from) {
        return Err(Failure::invalid_input(format!("`{to}` lies in `{from}`")));
    }
    let (found, unreadable) = walk(&from, &Wanted::default(), ctx)?;
    if let Some(it) = unreadable.first() {
        return Err(Failure::permanent(format!("`{}`: {}", it.path, it.reason)));
    }
    let mut copied = Copied {
        path: to.clone(),
        files: 0,
        bytes: 0,
    };
    make_directories_durably(&to).map_err(|error| file_failure(&to, &error))?;
    let start = Path::new(&from).strip_prefix(".").unwrap_or(Path::new(&from));
    for file in &found {
        ctx.check_cancelled()?;
        ctx.progress(copied.files as u64, found.len() as u64, &file.path);
        let source = Path::new(&file.path);
        let below = source.strip_prefix(start).unwrap_or(source);
        copied.bytes += copy_file(source, &Path::new(&to).join(below), ctx)?;
        copied.files += 1;
    }
    Ok(copied)
}

fn copy_file(from: &Path, to: &Path, ctx: &Context) -> Result<u64, Failure> {
    let mut source = File::open(from).map_err(|error| file_failure(from, &error))?;
    write_durably_from(to, &mut source, ctx)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cofferdam_plugin::{Context, json};

    use crate::plugin;

    #[test]
    fn files_and_trees_are_copied() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir_all(at("tree/deep")).unwrap();
        fs::write(at("tree/a"), "1").unwrap();
        fs::write(at("tree/deep/b"), "22").unwrap();
        let ctx = Context::for_test();
        let one = plugin()
            .call("copy", json!({ "from": at("tree/a"), "to": at("x/y") }), &ctx)
            .unwrap();
        assert_eq!(one, json!({ "path": at("x/y"), "files": 1, "bytes": 1 }));
        let all = plugin()
            .call("copy", json!({ "from": at("tree"), "to": at("copy") }), &ctx)
            .unwrap();
        assert_eq!(all, json!({ "path": at("copy"), "files": 2, "bytes": 3 }));
        assert_eq!(fs::read(at("copy/deep/b")).unwrap(), b"22");
        let inside = plugin()
            .call("copy", json!({ "from": at("tree"), "to": at("tree/in") }), &ctx)
            .unwrap_err();
        assert!(inside.message().contains("lies in"), "{inside}");
    }
}
