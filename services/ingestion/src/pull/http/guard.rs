//! Which addresses a pull may reach.
//!
//! A source's owner chooses names and URLs; without a guard they could have the service speak to its own neighbours. So
//! a name is looked up once per request, every address of the answer is checked, and the connection goes to exactly the
//! addresses that were checked: a second answer of the name server cannot change it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use async_trait::async_trait;
use ipnet::IpNet;
use url::{Host, Url};

use crate::pull::PullFault;

/// Looks names up.
#[async_trait]
pub(crate) trait Lookup: Send + Sync + 'static {
    /// Returns the addresses of a name.
    async fn lookup(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// Asks the system.
pub(crate) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Checks where requests go.
pub(crate) struct Guard {
    allowed: Vec<IpNet>,
    lookup: Box<dyn Lookup>,
}

impl Guard {
    /// Allows networks beside those that are public. Fails with a sentence for the operator.
    pub(crate) fn new(allowed: &[String]) -> Result<Self, String> {
        Self::with_lookup(allowed, Box::new(SystemLookup))
    }

    /// As [`Guard::new`], with another way to look names up.
    pub(crate) fn with_lookup(allowed: &[String], lookup: Box<dyn Lookup>) -> Result<Self, String> {
        let read = |text: &String| {
            text.parse::<IpNet>()
                .map_err(|_| format!("http_pull.allow: `{text}` is no network such as 10.1.0.0/16"))
        };
        Ok(Self {
            allowed: allowed.iter().map(read).collect::<Result<_, _>>()?,
            lookup,
        })
    }

    /// Returns the addresses that a request to `url` may go to. Fails unless every address of its host may be reached.
    pub(crate) async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, PullFault> {
        let port = url
            .port_or_known_default()
            .ok_or_else(|| PullFault::wrong("the address has no port"))?;
        let addresses =
            match url.host() {
                None => return Err(PullFault::wrong("the address has no host")),
                Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
                Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
                Some(Host::Domain(name)) => self.lookup.lookup(name, port).await.map_err(|_| {
                    PullFault::away(format!("the name `{name}` cannot be looked up"))
                })?,
            };
        if addresses.is_empty() {
            return Err(PullFault::away("the name has no address"));
        }
        for address in &addresses {
            let ip = plain(address.ip());
            let allowed = self.allowed.iter().any(|network| network.contains(&ip));
            if !allowed && !is_public(ip) {
                return Err(PullFault::wrong(
                    "the address leads to a private, link-local, loopback or otherwise reserved network, which the \
                     operator has not allowed",
                ));
            }
            if !allowed && url.scheme() != "https" {
                return Err(PullFault::wrong(
                    "without TLS only networks that the operator has allowed can be reached",
                ));
            }
        }
        Ok(addresses)
    }
}

/// Returns the IPv4 address that an IPv6 address stands for, where it does.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// Tells whether an address belongs to the public internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let reserved = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        // This network, shared by carriers, protocol assignments, benchmarks, future use.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !reserved
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Global unicast alone, and of that neither what embeds an IPv4 address nor what is reserved.
    let global = (0x2000..0x4000).contains(&first);
    let reserved = first == 0x2002
        || (first == 0x2001 && second < 0x0200)
        || (first == 0x2001 && second == 0x0db8)
        || (first == 0x3fff && second < 0x1000);
    global && !reserved
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answers(Vec<&'static str>);

    #[async_trait]
    impl Lookup for Answers {
        async fn lookup(&self, _: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
            let address = |text: &&str| SocketAddr::new(text.parse().expect("address"), port);
            Ok(self.0.iter().map(address).collect())
        }
    }

    async fn reaches(allowed: &[&str], url: &str, answers: &[&'static str]) -> bool {
        let allowed: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
        let guard =
            Guard::with_lookup(&allowed, Box::new(Answers(answers.to_vec()))).expect("guard");
        let url = Url::parse(url).expect("url");
        guard.addresses(&url).await.is_ok()
    }

    #[tokio::test]
    async fn only_public_addresses_are_reached() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://0.0.0.0/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://100.64.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://[fd00:ec2::254]/",
            "https://[ff02::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
        ] {
            assert!(!reaches(&[], url, &[]).await, "{url}");
        }
        assert!(reaches(&[], "https://93.184.216.34/", &[]).await);
        assert!(reaches(&[], "https://[2606:2800:220:1::1]/", &[]).await);
        assert!(!reaches(&[], "http://93.184.216.34/", &[]).await, "no TLS");
        assert!(reaches(&["127.0.0.0/8"], "http://127.0.0.1:1/", &[]).await);
        assert!(reaches(&["127.0.0.0/8"], "http://[::ffff:127.0.0.1]/", &[]).await);
        assert!(!reaches(&["127.0.0.0/8"], "http://10.0.0.1/", &[]).await);
    }

    #[tokio::test]
    async fn every_address_of_a_name_counts() {
        let url = "https://shop.example/";
        assert!(reaches(&[], url, &["93.184.216.34"]).await);
        assert!(!reaches(&[], url, &["93.184.216.34", "127.0.0.1"]).await);
        assert!(!reaches(&[], url, &["169.254.169.254"]).await);
        assert!(!reaches(&[], url, &[]).await);
    }

    #[test]
    fn a_network_that_is_none_is_refused() {
        assert!(Guard::new(&["10.0.0.0/33".to_owned()]).is_err());
        assert!(Guard::new(&["10.0.0.0/8".to_owned()]).is_ok());
    }
}
