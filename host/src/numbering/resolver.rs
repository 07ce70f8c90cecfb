//! DNS resolvers with given name servers.

use std::net::SocketAddr;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, ResolverBuilder};

/// A resolver that asks only these name servers, and not even `/etc/hosts`; without any, those of the system.
///
/// # Errors
/// The system's name servers are to be asked, and are not known.
pub fn resolver(servers: &[SocketAddr]) -> Result<ResolverBuilder<TokioRuntimeProvider>, NetError> {
    let mut builder = match servers {
        [] => Resolver::builder_tokio()?,
        servers => {
            let config = ResolverConfig::from_name_servers(servers.iter().map(name_server).collect());
            let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        }
    };
    builder.options_mut().try_tcp_on_error = true;
    Ok(builder)
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connection = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![connection(ConnectionConfig::udp()), connection(ConnectionConfig::tcp())];
    // `true`: a negative answer of any of these servers is final, because there is nobody better to ask.
    NameServerConfig::new(address.ip(), true, connections)
}
