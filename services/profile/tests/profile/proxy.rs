//! A way to Redis that can be cut.

/// Stands between the service and Redis, and can be cut.
pub(crate) struct Proxy {
    open: tokio::sync::watch::Sender<bool>,
}

impl Proxy {
    /// Starts a proxy to the server of `url` and puts itself into the URL.
    pub(crate) async fn start(url: &mut String) -> Self {
        let server = url
            .trim_start_matches("redis://")
            .split('/')
            .next()
            .expect("an address")
            .to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("bind");
        *url = url.replace(
            &server,
            &listener.local_addr().expect("address").to_string(),
        );
        let open = tokio::sync::watch::Sender::new(true);
        let gate = open.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut gate) = (server.clone(), gate.clone());
                tokio::spawn(async move {
                    if !*gate.borrow_and_update() {
                        return;
                    }
                    let Ok(mut far) = tokio::net::TcpStream::connect(server).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = gate.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { open }
    }

    /// Drops every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }
}
