//! The standard filesystem interfaces, over the directories that are granted and nothing else.
//!
//! Paths are our own work ([`place`], [`operation`]): a hidden directory cannot be named in any way, also where a
//! directory above it is granted. What is done with an open file is left to wasmtime-wasi, which does it on threads that
//! may block. A guest without any grant still has a root directory, every use of which is refused and recorded: else its
//! own library would fail before the host sees what it was after.

mod disk;
mod listing;
mod operation;
mod place;
mod room;

use crate::authority::Authority;
use crate::directory::HiddenDirectory;
use crate::grants::{Access, Effective, OpenDirectory};
use crate::host::denials::Denials;
use crate::limits::{LimitName, Limits};
use crate::report::Lingering;
use crate::store::{State, Stopped};
use disk::{DiskMeter, Flow, Pouring};
use listing::Listing;
use operation::{HowToOpen, Opened, Start, description, error_code, hidden_names, metadata_hash, timestamps};
use place::{Astray, LastLink};
pub(crate) use room::Tallies;
use room::{Full, Quota};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::sync::{Arc, Weak};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File as OpenFile, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode,
    Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};
use wasmtime_wasi::{FsPerms, OpenMode};

/// The directories of one attempt and what of them is open.
pub(crate) struct Directories {
    granted: Vec<OpenDirectory>,
    hidden: Arc<[HiddenDirectory]>,
    max_open: usize,
    open: usize,
    // The root of a guest that has none: nothing is there, and asking is a denied call.
    walls: HashSet<u32>,
    // What the guest calls its open directories, for the record of denied calls.
    names: HashMap<u32, String>,
    // Which of them are or lie in a repository.
    repositories: HashSet<u32>,
    // How many listings are open, beside the directories themselves.
    listings: usize,
    // Held by every call that is under way on a thread that may block.
    calls: Arc<()>,
    // Files that can be written: their writes too are done on such threads.
    written: Vec<Weak<File>>,
    // Whether anything may still be changed.
    authority: Authority,
    disk: DiskMeter,
    tallies: Arc<Tallies>,
    // How much may still be put where the open files and directories are, for those that have a quota.
    quotas: HashMap<u32, Quota>,
    // What the workflow of the attempt takes away.
    withheld: Arc<Effective>,
}

impl Directories {
    pub(crate) fn new(
        effective: &Arc<Effective>,
        limits: &Limits,
        authority: Authority,
        tallies: Arc<Tallies>,
    ) -> Self {
        Self {
            authority,
            tallies,
            withheld: Arc::clone(effective),
            granted: effective.directories().to_vec(),
            hidden: effective.hidden(),
            ..Self::none(limits)
        }
    }

    pub(crate) fn none(limits: &Limits) -> Self {
        Self {
            granted: Vec::new(),
            hidden: Arc::new([]),
            max_open: limits.size(LimitName::OpenFiles),
            open: 0,
            walls: HashSet::new(),
            names: HashMap::new(),
            repositories: HashSet::new(),
            listings: 0,
            calls: Arc::new(()),
            written: Vec::new(),
            authority: Authority::unlimited(),
            disk: DiskMeter::new(limits),
            tallies: Arc::default(),
            quotas: HashMap::new(),
            withheld: Arc::default(),
        }
    }

    /// Returns what may still be under way when the store is gone.
    pub(crate) fn lingering(&self) -> Lingering {
        Lingering {
            calls: Arc::downgrade(&self.calls),
            written: self.written.clone(),
        }
    }

    fn remember(&mut self, file: &OpenFile) {
        if file.open_mode.contains(OpenMode::WRITE) {
            self.written.retain(|file| file.strong_count() > 0);
            self.written.push(Arc::downgrade(&file.file));
        }
    }

    fn guest_path(&self, descriptor: u32, path: &str) -> String {
        match self.names.get(&descriptor).map(|name| name.trim_end_matches('/')) {
            Some(name) if path == "." => {
                if name.is_empty() {
                    "/".to_owned()
                } else {
                    name.to_owned()
                }
            }
            Some(name) => format!("{name}/{path}"),
            None => path.to_owned(),
        }
    }

    fn nothing_there(&self, path: &str) -> String {
        if let Some(source) = self.withheld.withheld(path, Access::Read) {
            return format!("narrowed: {source} takes it away from this workflow");
        }
        let paths: Vec<_> = self.granted.iter().map(|directory| directory.guest.as_str()).collect();
        if paths.is_empty() {
            "no directory is granted to the action".to_owned()
        } else {
            format!("not granted; the action sees {}", paths.join(", "))
        }
    }
}

pub(crate) struct Filesystem;

impl HasData for Filesystem {
    type Data<'a> = View<'a>;
}

/// What the interfaces work on during one call.
pub(crate) struct View<'a> {
    directories: &'a mut Directories,
    denials: &'a Denials,
    ctx: &'a mut WasiFilesystemCtx,
    table: &'a mut ResourceTable,
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    preopens::add_to_linker::<State, Filesystem>(linker, view)?;
    types::add_to_linker::<State, Filesystem>(linker, view)
}

fn view(state: &mut State) -> View<'_> {
    View {
        directories: &mut state.directories,
        denials: &state.denials,
        ctx: state.wasi.filesystem(),
        table: &mut state.table,
    }
}

impl View<'_> {
    /// What wasmtime-wasi does with open files.
    fn files(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView {
            ctx: self.ctx,
            table: self.table,
        }
    }

    /// Returns the directory behind `fd`, unless it is the root of nothing.
    fn directory(&self, call: &'static str, fd: &Resource<Descriptor>, path: &str) -> FsResult<&Dir> {
        self.not_the_wall(call, fd, path)?;
        match self.table.get(fd)? {
            Descriptor::Dir(directory) => Ok(directory),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }

    fn not_the_wall(&self, call: &'static str, fd: &Resource<Descriptor>, path: &str) -> FsResult<()> {
        if self.directories.walls.contains(&fd.rep()) {
            let path = self.directories.guest_path(fd.rep(), path);
            self.denials.record(call, &path, self.directories.nothing_there(&path));
            return Err(ErrorCode::Access.into());
        }
        Ok(())
    }

    /// Returns where a change of `path` starts, if the directory may be changed.
    fn changeable(&self, call: &'static str, fd: &Resource<Descriptor>, path: &str) -> FsResult<Start> {
        let directory = self.directory(call, fd, path)?;
        if directory.perms.write_not_permitted() {
            return Err(self.read_only(call, fd, path));
        }
        self.may_change()?;
        Ok(self.start(fd, directory))
    }

    /// Ends the guest if the host may not act for the run any more.
    fn may_change(&self) -> FsResult<()> {
        self.directories.authority.check().map_err(FsError::trap)
    }

    /// Returns the file behind `fd` if it may be written.
    fn open_file(&self, fd: &Resource<Descriptor>) -> FsResult<Option<Arc<File>>> {
        Ok(match self.table.get(fd)? {
            Descriptor::File(file) if file.open_mode.contains(OpenMode::WRITE) => Some(Arc::clone(&file.file)),
            Descriptor::File(_) | Descriptor::Dir(_) => None,
        })
    }

    /// Returns a stream into the file behind `fd`: what is written to it counts.
    fn pouring(&mut self, fd: &Resource<Descriptor>, position: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
        self.may_change()?;
        let file = match self.table.get(fd)? {
            Descriptor::File(file) if file.perms.write_not_permitted() => return Err(ErrorCode::NotPermitted.into()),
            Descriptor::File(file) => Arc::clone(&file.file),
            Descriptor::Dir(_) => return Err(ErrorCode::BadDescriptor.into()),
        };
        let quota = self.directories.quotas.get(&fd.rep()).cloned();
        let stream: DynOutputStream = Box::new(Pouring {
            file,
            position,
            meter: self.directories.disk.clone(),
            authority: self.directories.authority.clone(),
            quota: quota.map(|quota| (quota, self.denials.clone())),
            flow: Flow::Ready,
        });
        Ok(self.table.push(stream)?)
    }

    /// Does with a file what takes room or gives it back, elsewhere.
    async fn change(
        &mut self,
        call: &'static str,
        work: impl FnOnce() -> io::Result<Result<(), Full>> + Send + 'static,
    ) -> FsResult<()> {
        let under_way = Arc::clone(&self.directories.calls);
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(under_way);
            result
        });
        done.await
            .map_err(FsError::trap)??
            .map_err(|full| self.full(call, &full))
    }

    /// Tells whoever looks closely that a guest wants something to survive a power cut.
    fn told_to_sync(&self, fd: &Resource<Descriptor>) {
        match self.directories.names.get(&fd.rep()) {
            Some(directory) => tracing::trace!(directory, "a guest syncs"),
            None => tracing::trace!("a guest syncs a file"),
        }
    }

    /// Counts something that is about to be made.
    fn may_make(&self) -> FsResult<()> {
        self.directories.disk.make().map_err(FsError::trap)
    }

    fn read_only(&self, call: &'static str, fd: &Resource<Descriptor>, path: &str) -> FsError {
        let path = self.directories.guest_path(fd.rep(), path);
        let reason = match self.directories.withheld.withheld(&path, Access::Write) {
            Some(source) => format!("narrowed: {source} takes it away from this workflow"),
            None => "granted for reading only".to_owned(),
        };
        self.denials.record(call, &path, reason);
        ErrorCode::NotPermitted.into()
    }

    /// Returns the quota of whatever is behind `fd`, after what lies there was counted if that is due.
    async fn quota(&mut self, fd: &Resource<Descriptor>) -> Option<Quota> {
        let quota = self.directories.quotas.get(&fd.rep()).cloned()?;
        quota.count().await;
        Some(quota)
    }

    /// Returns the error for what there is no room for.
    fn full(&self, call: &'static str, full: &Full) -> FsError {
        self.denials.record(call, &full.guest, full.to_string());
        ErrorCode::Quota.into()
    }

    /// Takes room for something that is about to be made.
    fn make(&self, call: &'static str, quota: Option<&Quota>) -> FsResult<()> {
        match quota.map(Quota::make) {
            Some(Err(full)) => Err(self.full(call, &full)),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Refuses to bring something into a directory with a quota, or out of one: like between two file systems.
    fn same_quota(&self, from: &Resource<Descriptor>, to: &Resource<Descriptor>) -> FsResult<()> {
        let quotas = &self.directories.quotas;
        match (quotas.get(&from.rep()), quotas.get(&to.rep())) {
            (None, None) => Ok(()),
            (Some(from), Some(to)) if from.is_of(to) => Ok(()),
            _ => Err(ErrorCode::CrossDevice.into()),
        }
    }

    /// Remembers the quota of what was opened in the directory behind `within`.
    fn inherit(&mut self, within: u32, opened: &Resource<Descriptor>) {
        if let Some(quota) = self.directories.quotas.get(&within).cloned() {
            self.directories.quotas.insert(opened.rep(), quota);
        }
    }

    fn start(&self, fd: &Resource<Descriptor>, directory: &Dir) -> Start {
        Start {
            base: Arc::clone(&directory.dir),
            hidden: Arc::clone(&self.directories.hidden),
            in_repository: self.directories.repositories.contains(&fd.rep()),
        }
    }

    /// Does blocking work elsewhere, and records it if it led astray.
    async fn at<T: Send + 'static>(
        &mut self,
        call: &'static str,
        fd: &Resource<Descriptor>,
        path: String,
        work: impl FnOnce(&str) -> Result<T, Astray> + Send + 'static,
    ) -> FsResult<T> {
        let under_way = Arc::clone(&self.directories.calls);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&path);
            drop(under_way);
            (result, path)
        });
        let (result, path) = done.await.map_err(FsError::trap)?;
        result.map_err(|astray| {
            let (code, reason) = match astray {
                Astray::Hidden => (ErrorCode::Access, "the state of Cofferdam is never shown".to_owned()),
                Astray::Outside => (
                    ErrorCode::NotPermitted,
                    "it leads out of the granted directory".to_owned(),
                ),
                Astray::Repository => (
                    ErrorCode::NotPermitted,
                    "no guest makes or changes a repository (`.git`)".to_owned(),
                ),
                Astray::Kernel(name) => (
                    ErrorCode::Access,
                    format!("file systems of the kernel (`{name}`) are never shown"),
                ),
                Astray::System(error) => return error_code(error).into(),
            };
            self.denials
                .record(call, &self.directories.guest_path(fd.rep(), &path), reason);
            code.into()
        })
    }

    /// Opens one more, if the guest may have one more open.
    fn push(&mut self, descriptor: Descriptor) -> wasmtime::Result<Resource<Descriptor>> {
        if self.directories.open >= self.directories.max_open {
            return Err(wasmtime::Error::new(Stopped::Limit(LimitName::OpenFiles)));
        }
        let resource = self.table.push(descriptor)?;
        self.directories.open += 1;
        Ok(resource)
    }
}

fn last_link(flags: PathFlags) -> LastLink {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) {
        LastLink::Follow
    } else {
        LastLink::Keep
    }
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut preopened = Vec::new();
        for directory in self.directories.granted.clone() {
            let (perms, mode) = match directory.access {
                Access::Read => (FsPerms::ReadOnly, OpenMode::READ),
                Access::Write => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
            };
            let mut opened = Dir::new(dead_end()?, perms, mode, false);
            opened.dir = Arc::clone(&directory.file);
            let resource = self.push(Descriptor::Dir(opened))?;
            if directory.access == Access::Write
                && let Some(quota) = self.directories.tallies.quota(&directory)
            {
                self.directories.quotas.insert(resource.rep(), quota);
            }
            self.directories.names.insert(resource.rep(), directory.guest.clone());
            preopened.push((resource, directory.guest));
        }
        if !preopened.iter().any(|(_, guest)| guest == "/") {
            let wall = Dir::new(dead_end()?, FsPerms::ReadOnly, OpenMode::READ, false);
            let resource = self.push(Descriptor::Dir(wall))?;
            self.directories.walls.insert(resource.rep());
            self.directories.names.insert(resource.rep(), "/".to_owned());
            preopened.push((resource, "/".to_owned()));
        }
        Ok(preopened)
    }
}

/// Returns a file that is no directory: should a call be made on it after all, it fails.
fn dead_end() -> wasmtime::Result<File> {
    Ok(File::open("/dev/null")?)
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        if self.table.get(&error)?.is::<Full>() {
            return Ok(Some(ErrorCode::Quota));
        }
        types::Host::filesystem_error_code(&mut self.files(), error)
    }
}

impl HostDescriptor for View<'_> {
    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        HostDescriptor::read_via_stream(&mut self.files(), fd, offset)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.pouring(&fd, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        self.pouring(&fd, None)
    }

    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
        length: Filesize,
        advice: Advice,
    ) -> FsResult<()> {
        HostDescriptor::advise(&mut self.files(), fd, offset, length, advice).await
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.not_the_wall("filesystem.sync-data", &fd, ".")?;
        self.told_to_sync(&fd);
        HostDescriptor::sync_data(&mut self.files(), fd).await
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        HostDescriptor::get_flags(&mut self.files(), fd).await
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        HostDescriptor::get_type(&mut self.files(), fd).await
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        self.may_change()?;
        if let Some(file) = self.open_file(&fd)? {
            self.directories.disk.write_at(&file, size, 0).map_err(FsError::trap)?;
            if let Some(quota) = self.quota(&fd).await {
                return self
                    .change("filesystem.set-size", move || quota.resize(&file, size))
                    .await;
            }
        }
        HostDescriptor::set_size(&mut self.files(), fd, size).await
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        self.not_the_wall("filesystem.set-times", &fd, ".")?;
        self.may_change()?;
        HostDescriptor::set_times(&mut self.files(), fd, access, modification).await
    }

    async fn read(
        &mut self,
        fd: Resource<Descriptor>,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        HostDescriptor::read(&mut self.files(), fd, length, offset).await
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        self.may_change()?;
        if let Some(file) = self.open_file(&fd)? {
            let written = bytes.len() as u64;
            self.directories
                .disk
                .write_at(&file, offset, written)
                .map_err(FsError::trap)?;
            if let Some(quota) = self.quota(&fd).await {
                self.change("filesystem.write", move || quota.fill(&file, Some(offset), &bytes))
                    .await?;
                return Ok(written);
            }
        }
        HostDescriptor::write(&mut self.files(), fd, bytes, offset).await
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        const CALL: &str = "filesystem.read-directory";
        let directory = Arc::clone(&self.directory(CALL, &fd, ".")?.dir);
        // Each holds a descriptor of the host: as many of them as of files.
        if self.directories.listings >= self.directories.max_open {
            return Err(FsError::trap(Stopped::Limit(LimitName::OpenFiles)));
        }
        let hidden = Arc::clone(&self.directories.hidden);
        let open = move |_: &str| {
            let hidden = hidden_names(&*directory, &hidden).map_err(Astray::System)?;
            Listing::open(&directory, hidden).map_err(Astray::System)
        };
        let listing = self.at(CALL, &fd, ".".to_owned(), open).await?;
        let listing = self.table.push(listing)?;
        self.directories.listings += 1;
        Ok(Resource::new_own(listing.rep()))
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.not_the_wall("filesystem.sync", &fd, ".")?;
        self.told_to_sync(&fd);
        HostDescriptor::sync(&mut self.files(), fd).await
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        const CALL: &str = "filesystem.create-directory-at";
        let start = self.changeable(CALL, &fd, &path)?;
        let quota = self.quota(&fd).await;
        if let Some(Err(full)) = quota.as_ref().map(Quota::make) {
            // One that is there needs no room, whoever asks for it.
            let there = self
                .at(CALL, &fd, path, move |path| start.stat(path, LastLink::Keep))
                .await;
            return Err(there.map_or_else(|_| self.full(CALL, &full), |_| ErrorCode::Exist.into()));
        }
        self.may_make()?;
        let made = self.at(CALL, &fd, path, move |path| start.create_directory(path)).await;
        not_made(made, quota)
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.not_the_wall("filesystem.stat", &fd, ".")?;
        HostDescriptor::stat(&mut self.files(), fd).await
    }

    async fn stat_at(&mut self, fd: Resource<Descriptor>, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        const CALL: &str = "filesystem.stat-at";
        let start = self.start(&fd, self.directory(CALL, &fd, &path)?);
        let stat = self
            .at(CALL, &fd, path, move |path| start.stat(path, last_link(flags)))
            .await?;
        Ok(description(&stat))
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        const CALL: &str = "filesystem.set-times-at";
        let start = self.changeable(CALL, &fd, &path)?;
        let times = timestamps(access, modification).map_err(error_code)?;
        self.at(CALL, &fd, path, move |path| {
            start.set_times(path, last_link(flags), &times)
        })
        .await
    }

    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        const CALL: &str = "filesystem.link-at";
        if flags.contains(PathFlags::SYMLINK_FOLLOW) {
            return Err(ErrorCode::Invalid.into());
        }
        let from = self.changeable(CALL, &fd, &path)?;
        let to = self.changeable(CALL, &new, &new_path)?;
        self.same_quota(&fd, &new)?;
        let quota = self.quota(&new).await;
        self.make(CALL, quota.as_ref())?;
        self.may_make()?;
        let made = self
            .at(CALL, &fd, path, move |path| from.hard_link(path, &to, &new_path))
            .await;
        not_made(made, quota)
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open: OpenFlags,
        descriptor: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let how = HowToOpen {
            last_link: last_link(path_flags),
            open,
            descriptor,
        };
        let call = if how.mode().contains(OpenMode::WRITE) {
            "filesystem.open-at for writing"
        } else {
            "filesystem.open-at"
        };
        let directory = self.directory(call, &fd, &path)?;
        let perms = directory.perms;
        if perms.write_not_permitted() && how.mode().contains(OpenMode::WRITE) {
            return Err(self.read_only(call, &fd, &path));
        }
        let start = self.start(&fd, directory);
        if how.mode().contains(OpenMode::WRITE) {
            self.may_change()?;
        }
        let name = self.directories.guest_path(fd.rep(), &path);
        let within = fd.rep();
        let makes = open.contains(OpenFlags::CREATE);
        let quota = if how.mode().contains(OpenMode::WRITE) {
            self.quota(&fd).await
        } else {
            None
        };
        // Where there is no room for one more, one that is there can still be opened.
        let mut full = None;
        let mut how = how;
        if makes {
            full = quota.as_ref().and_then(|quota| quota.make().err());
            if full.is_some() && !open.contains(OpenFlags::EXCLUSIVE) {
                how.open &= !OpenFlags::CREATE;
            } else if let Some(full) = full {
                return Err(self.full(call, &full));
            }
            self.may_make()?;
        }
        let cut = quota.clone().filter(|_| open.contains(OpenFlags::TRUNCATE));
        let opened = self
            .at(call, &fd, path, move |path| match cut {
                Some(quota) => quota.alone(|| start.open(path, how)),
                None => start.open(path, how),
            })
            .await;
        let made_now = matches!(opened, Ok(Opened::File { made: true, .. }));
        if let Some(quota) = quota.filter(|_| makes && full.is_none() && !made_now) {
            quota.give_back(0, 1);
        }
        let opened = match (opened, full) {
            (Err(error), Some(full)) => match error.downcast() {
                Ok(ErrorCode::NoEntry) => return Err(self.full(call, &full)),
                Ok(code) => return Err(code.into()),
                Err(trap) => return Err(FsError::trap(trap)),
            },
            (opened, _) => opened?,
        };
        match opened {
            Opened::File { file, made, emptied } => {
                if makes && !made {
                    self.directories.disk.was_there();
                }
                if let Some(quota) = self.directories.quotas.get(&within) {
                    quota.give_back(emptied, 0);
                }
                let file = OpenFile::new(file, perms, how.mode(), false);
                self.directories.remember(&file);
                let resource = self.push(Descriptor::File(file)).map_err(FsError::trap)?;
                self.inherit(within, &resource);
                Ok(resource)
            }
            Opened::Directory {
                directory,
                in_repository,
            } => {
                let directory = Descriptor::Dir(Dir::new(directory, perms, how.mode(), false));
                let resource = self.push(directory).map_err(FsError::trap)?;
                self.directories.names.insert(resource.rep(), name);
                if in_repository {
                    self.directories.repositories.insert(resource.rep());
                }
                self.inherit(within, &resource);
                Ok(resource)
            }
        }
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        const CALL: &str = "filesystem.readlink-at";
        let start = self.start(&fd, self.directory(CALL, &fd, &path)?);
        self.at(CALL, &fd, path, move |path| start.read_link(path)).await
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let number = fd.rep();
        const CALL: &str = "filesystem.remove-directory-at";
        let start = self.changeable(CALL, &fd, &path)?;
        self.at(CALL, &fd, path, move |path| start.remove_directory(path))
            .await?;
        if let Some(quota) = self.directories.quotas.get(&number) {
            quota.give_back(0, 1);
        }
        Ok(())
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        const CALL: &str = "filesystem.rename-at";
        let from = self.changeable(CALL, &fd, &path)?;
        let to = self.changeable(CALL, &new, &new_path)?;
        self.same_quota(&fd, &new)?;
        tracing::trace!(
            to = self.directories.guest_path(new.rep(), &new_path),
            "a guest renames"
        );
        self.at(CALL, &fd, path, move |path| from.rename(path, &to, &new_path))
            .await
    }

    async fn symlink_at(&mut self, fd: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        const CALL: &str = "filesystem.symlink-at";
        let start = self.changeable(CALL, &fd, &path)?;
        let quota = self.quota(&fd).await;
        self.make(CALL, quota.as_ref())?;
        self.may_make()?;
        let made = self
            .at(CALL, &fd, path, move |path| start.symbolic_link(&target, path))
            .await;
        not_made(made, quota)
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        const CALL: &str = "filesystem.unlink-file-at";
        let start = self.changeable(CALL, &fd, &path)?;
        let number = fd.rep();
        let freed = self.at(CALL, &fd, path, move |path| start.remove_file(path)).await?;
        if let Some(quota) = self.directories.quotas.get(&number) {
            quota.give_back(freed, 1);
        }
        Ok(())
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        HostDescriptor::is_same_object(&mut self.files(), a, b).await
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.not_the_wall("filesystem.metadata-hash", &fd, ".")?;
        let file = match self.table.get(&fd)? {
            Descriptor::File(file) => Arc::clone(&file.file),
            Descriptor::Dir(directory) => Arc::clone(&directory.dir),
        };
        let stat = self
            .at("filesystem.metadata-hash", &fd, ".".to_owned(), move |_| {
                rustix::fs::fstat(&*file).map_err(Astray::System)
            })
            .await?;
        Ok(metadata_hash(&stat))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        const CALL: &str = "filesystem.metadata-hash-at";
        let start = self.start(&fd, self.directory(CALL, &fd, &path)?);
        let stat = self
            .at(CALL, &fd, path, move |path| start.stat(path, last_link(flags)))
            .await?;
        Ok(metadata_hash(&stat))
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        let number = fd.rep();
        self.directories.names.remove(&number);
        self.directories.repositories.remove(&number);
        self.directories.walls.remove(&number);
        self.directories.quotas.remove(&number);
        self.directories.open = self.directories.open.saturating_sub(1);
        HostDescriptor::drop(&mut self.files(), fd)
    }
}

/// Gives the room back that was taken for what was not made after all.
fn not_made(made: FsResult<()>, quota: Option<Quota>) -> FsResult<()> {
    if let Some(quota) = quota.filter(|_| made.is_err()) {
        quota.give_back(0, 1);
    }
    made
}

/// The handle of a guest stands for a listing of ours: the one of wasmtime-wasi holds a whole directory in memory.
impl HostDirectoryEntryStream for View<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let listing = Resource::<Listing>::new_borrow(stream.rep());
        if let Some(entry) = self.table.get_mut(&listing)?.next() {
            return entry.map(Some).map_err(|error| error_code(error).into());
        }
        let reading = self.table.get(&listing)?.reading();
        let under_way = Arc::clone(&self.directories.calls);
        let read = tokio::task::spawn_blocking(move || {
            let entries = reading.read();
            drop(under_way);
            entries
        });
        let entries = read.await.map_err(FsError::trap)?;
        let listing = self.table.get_mut(&listing)?;
        listing.add(entries);
        listing.next().transpose().map_err(|error| error_code(error).into())
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        self.directories.listings = self.directories.listings.saturating_sub(1);
        Ok(())
    }
}
