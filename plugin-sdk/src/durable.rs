//! How is a file written so that a crash leaves either the old content or the new one?

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::Failure;

/// Writes a file aside, flushes it, renames it into place and flushes the directory; makes missing directories.
///
/// A second delivery of the same attempt writes the same file again, and leaves nothing aside.
pub fn write_durably(path: impl AsRef<Path>, content: &[u8], context: &Context) -> Result<(), Failure> {
    write_durably_from(path, &mut &*content, context).map(|_| ())
}

/// Does the same with what a reader yields, and returns how many bytes that was.
pub fn write_durably_from(path: impl AsRef<Path>, content: &mut dyn Read, context: &Context) -> Result<u64, Failure> {
    let path = path.as_ref();
    let directory = directory_of(path);
    let aside = aside_of(path, directory, &context.token())?;
    // The host records what it refuses: that shall be the file that was asked for, not the one beside it.
    if let Err(error) = File::options().write(true).open(path)
        && error.kind() == io::ErrorKind::PermissionDenied
    {
        return Err(file_failure(path, &error));
    }
    let written = make_directories_durably(directory).and_then(|()| {
        let mut file = File::create(&aside)?;
        let length = copy_all(content, &mut file)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&aside, path)?;
        flush_directory(directory)?;
        Ok(length)
    });
    written.map_err(|error| {
        // What stands aside is of no use to anybody, and why it could not be finished is already known.
        let _ = fs::remove_file(&aside);
        file_failure(path, &error)
    })
}

/// Adds to the end of a file, makes it and missing directories, flushes all of it, and returns how long the file is now.
///
/// A crash may leave a part of the addition: whoever adds again has to look.
pub fn append_durably(path: impl AsRef<Path>, addition: &[u8]) -> io::Result<u64> {
    let path = path.as_ref();
    let directory = directory_of(path);
    make_directories_durably(directory)?;
    let is_new = !path.exists();
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(addition)?;
    file.sync_all()?;
    if is_new {
        flush_directory(directory)?;
    }
    Ok(file.metadata()?.len())
}

/// Turns an error of a file operation into a failure that names the file.
pub fn file_failure(path: impl AsRef<Path>, error: &io::Error) -> Failure {
    let path = path.as_ref().display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::permanent(format!("`{path}`: no such file or directory")).with_code("not-found")
        }
        io::ErrorKind::PermissionDenied => {
            Failure::permanent(format!("`{path}`: not granted, or not permitted by the system")).with_code("denied")
        }
        _ => Failure::permanent(format!("`{path}`: {error}")).with_code("io"),
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a directory and those above it that are missing, and flushes those that got a new one: else a file that is
/// flushed in it may be nowhere after a power cut.
pub fn make_directories_durably(directory: impl AsRef<Path>) -> io::Result<()> {
    let directory = directory.as_ref();
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    fs::create_dir_all(directory)?;
    missing
        .into_iter()
        .rev()
        .try_for_each(|new| flush_directory(directory_of(new)))
}

fn aside_of(path: &Path, directory: &Path, token: &str) -> Result<PathBuf, Failure> {
    let Some(name) = path.file_name() else {
        return Err(Failure::invalid_input(format!(
            "`{}` does not end in the name of a file",
            path.display()
        )));
    };
    let token: String = token.chars().filter(char::is_ascii_alphanumeric).collect();
    // The end of a token differs most between steps; a short one keeps the name below the limits of file systems.
    let tail = &token[token.len().saturating_sub(16)..];
    Ok(directory.join(format!(".{}.{tail}.part", name.to_string_lossy())))
}

fn copy_all(content: &mut dyn Read, file: &mut File) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        file.write_all(&buffer[..count])?;
        length += count as u64;
    }
}

fn flush_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        // Not every system lets a directory be opened or flushed; there it is flushed with the file.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::StorageFull) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::write_durably;
    use crate::Context;

    #[test]
    fn replaces_a_file_makes_directories_and_leaves_nothing_aside() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/report.html");
        let ctx = Context::for_test();
        write_durably(&path, b"old", &ctx).unwrap();
        write_durably(&path, b"new", &ctx).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_names_the_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("taken");
        fs::create_dir(&path).unwrap();
        let failure = write_durably(&path, b"x", &Context::for_test()).unwrap_err();
        assert!(failure.message().contains("taken`: "), "{failure}");
        assert_eq!(
            fs::read_dir(root.path()).unwrap().count(),
            1,
            "what stood aside is gone"
        );
    }
}
