//! The way to the outside, the same for all: which addresses may be spoken to, and the one TLS. A name in a settings file must
//! not make growctl knock at doors inside the facility's network, so private addresses are refused unless an outlet says
//! `allow_private`; a name is looked up here, and what it leads to is judged, not the name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

/// Whether an address belongs to this machine, a private network, or to nobody: whatever is not the public internet.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_private_v4(ip),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or_else(|| is_private_v6(ip), is_private_v4),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let assigned = a == 192 && b == 0 && c == 0;
    let benchmarks = a == 198 && (b == 18 || b == 19);
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || shared
        || assigned
        || benchmarks
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let global = first & 0xe000 == 0x2000;
    let documentation = first == 0x2001 && ip.segments()[1] == 0xdb8;
    // What is tunnelled or translated leads to an IPv4 address that is not judged here.
    let tunnelled = first == 0x2002 || (first == 0x2001 && ip.segments()[1] == 0);
    !global || documentation || tunnelled
}

/// The addresses that a host name or a literal leads to and that may be spoken to.
///
/// # Errors
/// There is none; the text names the host, and what to write if a private one is meant.
pub(super) async fn resolve(host: &str, port: u16, allow_private: bool) -> Result<Vec<SocketAddr>, String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<SocketAddr> = found.map_err(|error| format!("{host} is not found: {error}"))?.collect();
    let allowed: Vec<SocketAddr> =
        found.iter().copied().filter(|address| allow_private || !is_private(address.ip())).collect();
    match (allowed.is_empty(), found.first()) {
        (false, _) => Ok(allowed),
        (true, None) => Err(format!("{host} leads to no address")),
        (true, Some(address)) => Err(format!(
            "{host} leads to {}, an address of this machine or a private network; write `allow_private: true` if that is meant",
            address.ip()
        )),
    }
}

/// TLS by ring, trusting the system's authorities.
///
/// # Errors
/// The system has no certificates.
pub(super) fn tls() -> Result<Arc<ClientConfig>, String> {
    static TLS: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    TLS.get_or_init(|| {
        // For those who build their own: the provider is the process's, and the first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        let (known, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if known == 0 {
            return Err("this system has no certificates: install the package ca-certificates".to_owned());
        }
        Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    })
    .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "2001:db8::1",
            "2002:0a00:0001::1",
            "64:ff9b::a00:1",
        ];
        for ip in private {
            assert!(is_private(ip.parse().expect("an address")), "{ip}");
        }
        for ip in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(!is_private(ip.parse().expect("an address")), "{ip}");
        }
    }

    #[tokio::test]
    async fn a_private_address_is_spoken_to_only_if_that_is_meant() {
        let refused = resolve("127.0.0.1", 80, false).await.expect_err("it is private");
        assert!(refused.contains("allow_private"), "{refused}");
        assert_eq!(resolve("[::1]", 80, true).await.map(|found| found.len()), Ok(1));
    }
}
