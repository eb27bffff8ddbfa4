//! Which addresses a name has. Asked once for each request: what is answered is what is checked and connected to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

/// The most addresses that are looked at.
const MAX_ADDRESSES: usize = 16;

/// Says which addresses a name has.
pub(crate) trait Names: Send + Sync {
    /// The addresses, or why there are none.
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>>;
}

/// The machine's own way of resolving names.
pub(crate) struct SystemNames;

impl Names for SystemNames {
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await;
            // What the machine says about its own resolver is nothing for a skill.
            let found = found.map_err(|_| "it does not resolve".to_owned())?;
            Ok(found.map(|socket| socket.ip()).take(MAX_ADDRESSES).collect())
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
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        Box::pin(async move {
            // With a dot at its end it is a whole name: nothing is put behind it.
            let found = self.0.lookup_ip(format!("{name}.")).await;
            let found = found.map_err(|_| "it does not resolve".to_owned())?;
            Ok(found.iter().take(MAX_ADDRESSES).collect())
        })
    }
}
