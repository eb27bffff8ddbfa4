//! Files in granted folders, by way of cap-std: the folder is opened for each call, and from there on every step is
//! taken relative to an open folder, so that no link and no `..` leads out of it.
//!
//! All work is done on threads that may block: a kill drops the call, however long the disk takes.

mod folder;
#[cfg(test)]
mod tests;

use futures::future::BoxFuture;
use ringfence_core::gate::{Files, FilesDelete, FilesList, FilesRead, FilesWrite, Permit, Settled};
use ringfence_core::governance::FolderGrant;
use ringfence_core::limit::Limit;
use ringfence_core::refusal::{Refusal, RefusalKind};

use self::folder::{Place, WhenMissing};
use crate::blocking::work;

/// The files of the machine, as far as they are granted.
#[derive(Debug, Clone, Copy, Default)]
pub struct CapFiles;

impl Files for CapFiles {
    fn read(&self, permit: Permit<FilesRead>) -> BoxFuture<'_, Settled<FilesRead>> {
        Box::pin(async {
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
        Box::pin(async {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let (folder, path) = (underway.folder().cloned(), underway.call().path.clone());
            let content = underway.call().content.clone();
            work(underway, move |_| place(folder, path, WhenMissing::Create)?.write(&content.0)).await
        })
    }

    fn delete(&self, permit: Permit<FilesDelete>) -> BoxFuture<'_, Settled<FilesDelete>> {
        Box::pin(async {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let (folder, path) = (underway.folder().cloned(), underway.call().path.clone());
            work(underway, move |_| place(folder, path, WhenMissing::Refuse)?.delete()).await
        })
    }

    fn list(&self, permit: Permit<FilesList>) -> BoxFuture<'_, Settled<FilesList>> {
        Box::pin(async {
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
    Place::open(&folder.ok_or_else(no_folder)?, path, missing)
}
