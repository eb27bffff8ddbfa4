//! Files in granted folders, by way of cap-std: the folder is opened for each call, and from there on every step is
//! taken relative to an open folder, so that no link and no `..` leads out of it.
//!
//! All work is done on threads that may block: a kill drops the call, however long the disk takes.

mod folder;
mod quota;
#[cfg(test)]
mod quota_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::BoxFuture;
use ringfence_core::gate::{Files, FilesDelete, FilesList, FilesRead, FilesWrite, Permit, Settled};
use ringfence_core::governance::FolderGrant;
use ringfence_core::limit::Limit;
use ringfence_core::refusal::{Refusal, RefusalKind};

use self::folder::{Place, WhenMissing};
use self::quota::Totals;
use crate::blocking::work;

/// The files of the machine, as far as they are granted. Clones count together.
#[derive(Debug, Clone)]
pub struct CapFiles(Totals);

impl CapFiles {
    /// Files of which nothing is counted yet. Nobody is denied for want of room by a count that is older than `trusted`:
    /// it is counted again, which takes a look at every file of the folder.
    #[must_use]
    pub fn new(trusted: Duration) -> Self {
        Self(Totals::new(trusted))
    }
}

impl Default for CapFiles {
    fn default() -> Self {
        Self::new(Duration::from_secs(10))
    }
}

impl Files for CapFiles {
    fn read(&self, permit: Permit<FilesRead>) -> BoxFuture<'_, Settled<FilesRead>> {
        Box::pin(async move {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let (folder, path) = (underway.folder().cloned(), underway.call().path.clone());
            let allowance = underway.allowance(Limit::BytesIn);
            work(underway, move |_| place(folder, path, WhenMissing::Refuse)?.read(allowance)).await
        })
    }

    fn write(&self, permit: Permit<FilesWrite>) -> BoxFuture<'_, Settled<FilesWrite>> {
        Box::pin(async move {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let (folder, path) = (underway.folder().cloned(), underway.call().path.clone());
            let (content, totals) = (underway.call().content.clone(), self.0.clone());
            work(underway, move |_| place(folder, path, WhenMissing::Create)?.write(&content.0, &totals))
                .await
        })
    }

    fn delete(&self, permit: Permit<FilesDelete>) -> BoxFuture<'_, Settled<FilesDelete>> {
        Box::pin(async move {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let (folder, path) = (underway.folder().cloned(), underway.call().path.clone());
            let totals = self.0.clone();
            work(underway, move |_| place(folder, path, WhenMissing::Refuse)?.delete(&totals)).await
        })
    }

    fn list(&self, permit: Permit<FilesList>) -> BoxFuture<'_, Settled<FilesList>> {
        Box::pin(async move {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let (folder, path) = (underway.folder().cloned(), underway.call().path.clone());
            let allowance = underway.allowance(Limit::BytesIn);
            work(underway, move |_| place(folder, path, WhenMissing::Refuse)?.list(allowance)).await
        })
    }
}

fn place(folder: Option<FolderGrant>, path: String, missing: WhenMissing) -> Result<Place, Refusal> {
    let no_folder = || Refusal::new(RefusalKind::Denied, "no folder is granted for this call");
    Place::open(folder.ok_or_else(no_folder)?, path, missing)
}
