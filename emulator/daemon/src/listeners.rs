//! Which ports are bound for which listeners. A port below 1024 that is not permitted falls back to the next free one from 8080,
//! said loudly; a port that somebody else holds is an error that names the holder (design, 4).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alb::DataPlane;
use model::World;
use routing::Table;
use wire::local::Failure;

use crate::certificates::Certificates;
use crate::keeper::Traffic;
use crate::port_holder;

/// Where the fallback for a port that needs privilege begins, and how many ports it tries.
const FALLBACK: std::ops::Range<u16> = 8080..8180;

/// How long records may take to be handed over.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The port of HTTPS, and where its fallback begins.
const HTTPS: u16 = 443;
const HTTPS_FALLBACK: std::ops::Range<u16> = 8443..8543;

/// How a listener's port is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The port that answers; `None` when none does.
    pub port: Option<u16>,
    /// Why none, or another one than asked for.
    pub problem: Option<String>,
}

/// The bound ports of the data plane.
#[derive(Debug)]
pub struct Listeners {
    data_plane: DataPlane,
    certificates: Certificates,
    ports: Mutex<Ports>,
}

#[derive(Debug, Default)]
struct Ports {
    bound: BTreeMap<u16, Bound>,
    /// Bound for an `up` whose listeners are not in the World yet; once for each such `up`.
    reserved: Vec<u16>,
    /// Why an HTTPS listener's certificates are not those that it should have.
    unencrypted: BTreeMap<u16, String>,
}

impl Listeners {
    /// Nothing bound yet.
    #[must_use]
    pub fn new(data_plane: DataPlane, certificates: Certificates) -> Self {
        Self { data_plane, certificates, ports: Mutex::default() }
    }

    /// The certificates of HTTPS listeners.
    #[must_use]
    pub const fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The data plane, for its end.
    #[must_use]
    pub fn into_data_plane(self) -> DataPlane {
        self.data_plane
    }

    /// The newest table of the data plane.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.data_plane.table()
    }

    /// The id and the PEM of the key that what targets are told of users is signed with.
    #[must_use]
    pub fn public_key(&self) -> (&str, &str) {
        self.data_plane.public_key()
    }

    /// Serves certificates that have been renewed in place. True when there were some, or when what is said of them changed.
    pub fn renew(&self) -> bool {
        let changed = self.certificates.look_again();
        if changed {
            self.encrypt();
        }
        changed
    }

    fn encrypt(&self) {
        // Asked for under the lock, so that of two threads the one with the later answer comes last.
        let mut held = self.lock();
        let (encryption, problems) = self.certificates.served();
        self.data_plane.encrypt(encryption);
        held.unencrypted = problems;
    }

    /// Waits until the records of everything that is over by now are taken, for at most a second.
    pub async fn flush(&self) {
        tokio::time::timeout(FLUSH_TIMEOUT, self.data_plane.flush()).await.ok();
    }

    /// How each listener's port is bound.
    #[must_use]
    pub fn bound(&self) -> BTreeMap<u16, Bound> {
        let Ports { bound, unencrypted, .. } = &*self.lock();
        let mut bound = bound.clone();
        for (port, problem) in unencrypted {
            if let Some(bound) = bound.get_mut(port) {
                bound.problem = Some(problem.clone());
            }
        }
        bound
    }

    /// Binds the ports that are not bound yet, all or none, keeps them until [`Listeners::release`], and says what a person should know.
    ///
    /// # Errors
    /// A [`Failure`] for the first port that cannot be had; what was bound for this call is let go again.
    pub fn reserve(&self, ports: &BTreeSet<u16>) -> Result<Vec<String>, Failure> {
        let mut held = self.lock();
        let mut taken = Vec::new();
        let mut notices = Vec::new();
        for port in ports.iter().filter(|port| held.bound.get(port).is_none_or(|bound| bound.port.is_none())) {
            match self.bind(*port) {
                Ok(new) => {
                    notices.extend(new.problem.clone());
                    taken.push((*port, new));
                }
                Err(failure) => {
                    for (port, _) in taken {
                        self.data_plane.unlisten(port);
                    }
                    return Err(failure);
                }
            }
        }
        held.bound.extend(taken);
        held.reserved.extend(ports);
        Ok(notices)
    }

    /// Takes back one [`Listeners::reserve`]: of its ports, those that `listeners` has stay bound.
    pub fn release(&self, ports: &BTreeSet<u16>, listeners: &BTreeSet<u16>) {
        let mut held = self.lock();
        for port in ports {
            if let Some(at) = held.reserved.iter().position(|reserved| reserved == port) {
                held.reserved.swap_remove(at);
            }
        }
        self.let_go(&mut held, listeners);
    }

    /// Lets go of ports that no listener has any more, and binds those that are new; called with each new set of listeners.
    fn follow(&self, listeners: &BTreeSet<u16>) {
        let mut held = self.lock();
        self.let_go(&mut held, listeners);
        for port in listeners {
            if !held.bound.contains_key(port) {
                self.attempt(&mut held, *port);
            }
        }
    }

    /// Tries again the ports that could not be bound. True when one of them is bound now, or fails for another reason. Blocks for some
    /// milliseconds where it has to find out who holds a port.
    pub fn retry(&self) -> bool {
        let mut held = self.lock();
        let unbound: Vec<u16> = held.bound.iter().filter(|(_, bound)| bound.port.is_none()).map(|(port, _)| *port).collect();
        unbound.into_iter().filter(|port| self.attempt(&mut held, *port)).count() > 0
    }

    fn attempt(&self, held: &mut Ports, port: u16) -> bool {
        let new = self.bind(port).unwrap_or_else(|failure| Bound { port: None, problem: Some(failure.message) });
        if held.bound.get(&port) == Some(&new) {
            return false;
        }
        match &new.problem {
            Some(problem) => tracing::warn!(port, "{problem}"),
            None => tracing::info!(port, "bound"),
        }
        held.bound.insert(port, new);
        true
    }

    fn let_go(&self, held: &mut Ports, listeners: &BTreeSet<u16>) {
        let Ports { bound, reserved, .. } = held;
        bound.retain(|port, _| {
            let keep = listeners.contains(port) || reserved.contains(port);
            if !keep {
                self.data_plane.unlisten(*port);
            }
            keep
        });
    }

    fn bind(&self, port: u16) -> Result<Bound, Failure> {
        match self.data_plane.listen(port, port) {
            Ok(port) => Ok(Bound { port: Some(port), problem: None }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => self.fall_back(port, &error),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(port_taken(port)),
            Err(error) => Err(Failure::environment(format!("port {port} cannot be bound: {error}"))),
        }
    }

    fn fall_back(&self, port: u16, error: &io::Error) -> Result<Bound, Failure> {
        let fallback = if port == HTTPS { HTTPS_FALLBACK } else { FALLBACK };
        for other in fallback.clone() {
            if let Ok(other) = self.data_plane.listen(port, other) {
                let grant = format!("sudo sysctl net.ipv4.ip_unprivileged_port_start={port}");
                let problem = format!("port {port} is not permitted for this user, so port {other} is served instead; `{grant}` grants it");
                return Ok(Bound { port: Some(other), problem: Some(problem) });
            }
        }
        let Failure { message, .. } = port_taken(fallback.start);
        Err(Failure::environment(format!(
            "port {port} is not permitted ({error}), and none of {} to {} is free: {message}",
            fallback.start,
            fallback.end - 1
        )))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Traffic for Listeners {
    fn publish(&self, table: Arc<Table>, world: &World) {
        let ports = table.ports();
        self.certificates.follow(world);
        self.encrypt();
        self.data_plane.publish(table);
        self.follow(&ports);
    }
}

fn port_taken(port: u16) -> Failure {
    let holder = port_holder::find(port).map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
    Failure::environment(format!("port {port} is taken by {holder}"))
        .hint(format!("stop it, or give the listener another port; `ss -ltnp 'sport = :{port}'` shows who listens"))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    fn listeners() -> Listeners {
        let table = Arc::new(routing::compile(&World::new(crate::testing::settings()), None));
        let plane = DataPlane::start(alb::Settings { workers: 1, ..alb::Settings::default() }, table).unwrap();
        Listeners::new(plane, Certificates::new(std::path::PathBuf::new(), &crate::testing::settings()))
    }

    /// A port that somebody holds for as long as the value lives.
    fn held() -> (TcpListener, u16) {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        (holder, port)
    }

    fn answers(port: u16) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    #[test]
    fn a_port_that_is_taken_is_tried_again_until_it_is_free() {
        let listeners = listeners();
        let (holder, port) = held();
        listeners.follow(&BTreeSet::from([port]));
        let problem = listeners.bound()[&port].problem.clone().unwrap();
        assert!(problem.starts_with(&format!("port {port} is taken by")), "{problem}");
        assert!(!listeners.retry(), "nothing has changed");
        drop(holder);
        assert!(listeners.retry());
        assert_eq!(listeners.bound()[&port], Bound { port: Some(port), problem: None });
        assert!(answers(port) && !listeners.retry());
        listeners.follow(&BTreeSet::new());
        assert!(!answers(port) && listeners.bound().is_empty());
    }

    #[test]
    fn ports_are_reserved_all_or_none_and_kept_only_for_a_listener() {
        let listeners = listeners();
        let (free, (_holder, taken)) = (held().1, held());
        let failure = listeners.reserve(&BTreeSet::from([free, taken])).unwrap_err();
        assert!(failure.message.contains(&format!("port {taken} is taken by")), "{}", failure.message);
        assert!(!answers(free) && listeners.bound().is_empty());
        assert_eq!(listeners.reserve(&BTreeSet::from([free])).unwrap(), Vec::<String>::new());
        // A change of other listeners meanwhile does not take it away.
        listeners.follow(&BTreeSet::new());
        assert!(answers(free));
        listeners.release(&BTreeSet::from([free]), &BTreeSet::new());
        assert!(!answers(free));
    }
}
