//! Which addresses a name has. Asked once for each request: what is answered is what is checked and connected to.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::places::Places;

/// The most addresses that are looked at.
const MAX_ADDRESSES: usize = 16;

/// How many names the machine's resolver looks up at once in this process, and of them for one caller; and how long whoever
/// wants one more waits. A resolver that answers does so in a fraction of that.
const MOST: usize = 64;
const MOST_OF_A_CALLER: usize = 16;
const PATIENCE: Duration = Duration::from_secs(5);

/// Says which addresses a name has.
pub(crate) trait Names: Send + Sync {
    /// The addresses, or why there are none; for this caller, or where it is the operator who wrote the name down, for the name.
    fn addresses<'a>(&'a self, name: &'a str, caller: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>>;
}

/// The machine's own way of resolving names. It takes a thread for each until it has an answer, whoever waits for that.
#[derive(Clone)]
pub(crate) struct SystemNames {
    places: Arc<Places>,
    look: fn(&str) -> io::Result<Vec<IpAddr>>,
}

impl SystemNames {
    /// Of these there is one in a process: all copies count together.
    pub(crate) fn new() -> Self {
        static PLACES: LazyLock<Arc<Places>> =
            LazyLock::new(|| Arc::new(Places::new(MOST, MOST_OF_A_CALLER, PATIENCE)));
        Self { places: Arc::clone(&PLACES), look: |name| Ok(found((name, 0).to_socket_addrs()?)) }
    }
}

fn found(sockets: impl Iterator<Item = SocketAddr>) -> Vec<IpAddr> {
    sockets.map(|socket| socket.ip()).take(MAX_ADDRESSES).collect()
}

impl Names for SystemNames {
    fn addresses<'a>(&'a self, name: &'a str, caller: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        Box::pin(async move {
            let place = self.places.take(caller).await?;
            let (name, look) = (name.to_owned(), self.look);
            let found = tokio::task::spawn_blocking(move || {
                // Given back when the resolver has answered, not when nobody waits for it any more.
                let _place = place;
                look(&name)
            });
            // What the machine says about its own resolver is nothing for a skill.
            found.await.ok().and_then(Result::ok).ok_or_else(|| "it does not resolve".to_owned())
        })
    }
}

/// One name server, which the operator names.
pub(crate) struct NameServer(TokioResolver);

impl NameServer {
    /// Asks this server, remembers nothing, and looks at no file of the machine.
    pub(crate) fn at(server: SocketAddr) -> Result<Self, String> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        let server = NameServerConfig::new(server.ip(), true, connections.into());
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.timeout = Duration::from_secs(2);
        options.attempts = 1;
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self(builder.build().map_err(|why| format!("the name server cannot be asked: {why}"))?))
    }
}

impl Names for NameServer {
    fn addresses<'a>(&'a self, name: &'a str, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        Box::pin(async move {
            // With a dot at its end it is a whole name: nothing is put behind it.
            let found = self.0.lookup_ip(format!("{name}.")).await;
            let found = found.map_err(|_| "it does not resolve".to_owned())?;
            Ok(found.iter().take(MAX_ADDRESSES).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::*;

    const SILENT: &str = "silent.example";

    /// The resolver of the test: it answers, but not to `SILENT` before it is let go on.
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);
    static MOST_AT_WORK: AtomicUsize = AtomicUsize::new(0);
    static MAY_GO_ON: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    fn look(name: &str) -> io::Result<Vec<IpAddr>> {
        if name == SILENT {
            MOST_AT_WORK.fetch_max(AT_WORK.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let (may, told) = &MAY_GO_ON;
            drop(told.wait_while(may.lock().expect("a lock"), |may| !*may).expect("a lock"));
            AT_WORK.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(vec![IpAddr::from([192, 0, 2, 1])])
    }

    /// Lets the resolver answer, also where the test fails: the runtime waits for its threads.
    struct GoOn;

    impl Drop for GoOn {
        fn drop(&mut self) {
            *MAY_GO_ON.0.lock().expect("a lock") = true;
            MAY_GO_ON.1.notify_all();
        }
    }

    async fn until(is_so: impl Fn() -> bool) {
        let patient = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), patient).await.expect("it comes to that");
    }

    /// Of six threads one caller may take two, and all together four: however many look-ups are killed, two threads are left.
    #[test]
    fn look_ups_that_were_killed_keep_their_places_and_leave_threads_for_others() {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime =
            builder.worker_threads(2).max_blocking_threads(6).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let go_on = GoOn;
            let places = Arc::new(Places::new(4, 2, Duration::from_millis(200)));
            let names = SystemNames { places, look };
            let kill = async |caller: &'static str, at_work: usize| {
                let names = names.clone();
                let asked: Vec<_> = (0..50)
                    .map(|_| {
                        let names = names.clone();
                        tokio::spawn(async move { names.addresses(SILENT, caller).await })
                    })
                    .collect();
                until(|| AT_WORK.load(Ordering::SeqCst) == at_work).await;
                asked.iter().for_each(tokio::task::JoinHandle::abort);
                for asked in asked {
                    assert!(!matches!(asked.await, Ok(Ok(_))), "nobody was answered");
                }
            };
            kill("mallory", 2).await;
            let busy = "the host is busy: it looks up as many names as it may at once";
            assert_eq!(names.addresses("a.example", "mallory").await, Err(busy.to_owned()));
            assert!(names.addresses("a.example", "ada").await.is_ok(), "another caller is served");
            kill("mallet", 4).await;
            assert_eq!(names.addresses("a.example", "ada").await, Err(busy.to_owned()), "all are taken");
            let free = tokio::time::timeout(Duration::from_secs(60), tokio::task::spawn_blocking(|| ()));
            assert!(free.await.is_ok(), "and a thread is left for all that is no name");

            drop(go_on);
            until(|| AT_WORK.load(Ordering::SeqCst) == 0).await;
            let served = async {
                for caller in ["ada", "mallory"] {
                    while names.addresses("a.example", caller).await.is_err() {}
                }
            };
            let served = tokio::time::timeout(Duration::from_secs(60), served).await;
            assert!(served.is_ok(), "places are given back");
            assert_eq!(MOST_AT_WORK.load(Ordering::SeqCst), 4);
        });
    }
}
