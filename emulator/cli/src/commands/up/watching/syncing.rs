//! What is saved is copied into containers, without a build.

use std::collections::BTreeMap;

use model::{ContainerName, ServiceName};
use tokio::time::Instant;
use wire::local::{Failure, SyncReply, SyncRequest, SyncedFile, path};

use super::{Step, Told, Watching, say};
use crate::end::Outcome;
use crate::print::Printer;
use crate::watch::affected::{Affected, Syncs, Wish};
use crate::watch::rollout::Expected;
use crate::watch::sync::Copies;

/// Files of a save were copied into the containers of a service, or not.
pub(super) struct Synced {
    service: ServiceName,
    files: usize,
    begun: Instant,
    since: Instant,
    outcome: Result<SyncReply, Failure>,
}

impl Watching<'_> {
    /// Copies beside each other: the daemon reads the files when it is their turn, so whoever comes last has the newest.
    pub(super) fn begin_copies(&mut self, syncs: Syncs, since: Instant) {
        for (service, copies) in syncs {
            let (cluster, client, sender) = (self.desired.cluster.clone(), self.client, self.steps.0.clone());
            self.tasks.spawn(async move {
                let (files, begun) = (copies.values().map(|copies| copies.files.len()).sum(), Instant::now());
                let mut outcome = Ok(SyncReply { containers: 0, version: None });
                for request in requests(&cluster, &service, copies) {
                    let done: Result<SyncReply, Failure> = client.post(path::SYNC, &request).await;
                    outcome = outcome.and_then(|before: SyncReply| {
                        done.map(|now| SyncReply { containers: before.containers + now.containers, version: now.version.or(before.version) })
                    });
                }
                sender.send(Step { run: 0, what: Told::Synced(Synced { service, files, begun, since, outcome }) }).await.ok();
            });
        }
    }

    /// What could not be copied is built.
    pub(super) fn synced(&mut self, synced: Synced, printer: &mut Printer) -> Outcome {
        let Synced { service, files, begun, since, outcome } = synced;
        let after = format!("{:.2} s after the save", since.elapsed().as_secs_f64());
        let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        match outcome {
            Ok(SyncReply { version: Some(version), .. }) => {
                self.rollouts.expect(Expected { version, service: Some(service.to_string()), begun, since });
                say(printer, &format!("{service}: new tasks are given {files}, without a build"))
            }
            Ok(SyncReply { containers, .. }) => {
                let containers = if containers == 1 { "1 container".to_owned() } else { format!("{containers} containers") };
                say(printer, &format!("{service}: {files} copied into {containers} {after}; its tasks run synced files until the next build"))
            }
            Err(failure) => {
                printer.failure(&failure)?;
                say(printer, &format!("{service}: it is built instead"))?;
                let affected = Affected { services: BTreeMap::from([(service, Wish::Build)]), ..Affected::default() };
                // A build copies nothing.
                drop(self.schedule.saved(affected, since));
                Ok(())
            }
        }
    }
}

/// With the one that deploys last, so that its tasks have it all.
fn requests(cluster: &model::ClusterName, service: &ServiceName, copies: BTreeMap<ContainerName, Copies>) -> Vec<SyncRequest> {
    let request = |(container, copies): (ContainerName, Copies)| SyncRequest {
        cluster: cluster.clone(),
        service: service.clone(),
        container,
        files: copies.files.into_iter().map(|(source, target)| SyncedFile { source: source.to_string_lossy().into_owned(), target }).collect(),
        restart: copies.restart,
    };
    let mut requests: Vec<SyncRequest> = copies.into_iter().map(request).collect();
    requests.sort_by_key(|request| request.restart);
    requests
}
