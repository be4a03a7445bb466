//! Accepting connections, and ending them in order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api::events;
use super::body::{self, Body};
use super::context::Context;
use super::respond::respond;

/// Viewers of one box, with half a dozen connections each, and room. Each costs a descriptor and some tens of
/// kilobytes. More wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;
/// A browser asks for a few segments at once.
const MAX_STREAMS: u32 = 64;
/// From the connection, or from the answer before, to the end of a request's headers. hyper keeps it in
/// HTTP/1; [`Busy`] keeps the rest.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without any request in flight is closed after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
const MAX_HEADER_BYTES: u32 = 32 << 10;
/// A dead peer of an idle connection is noticed after this and some probes.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// For requests in flight when the service ends; systemd kills later.
const GRACE: Duration = Duration::from_secs(5);
/// Out of descriptors, most likely: until some connections have ended.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on all `listeners` until `shutdown`; returns when every connection has ended, requests in flight
/// being given [`GRACE`].
pub async fn serve(listeners: Vec<TcpListener>, context: Arc<Context>, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    // Listeners would otherwise use up all the grace.
    let _ends_with_shutdown = tokio::spawn(events::collect(&context, shutdown.clone()));
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let server = Server { context, connections, permits, shutdown, kill: CancellationToken::new() };
    let server = Arc::new(server);
    let acceptors = TaskTracker::new();
    for listener in listeners {
        acceptors.spawn(Arc::clone(&server).accept(listener));
    }
    acceptors.close();
    acceptors.wait().await;
    server.connections.close();
    if timeout(GRACE, server.connections.wait()).await.is_err() {
        tracing::info!(connections = server.connections.len(), "connections broken off");
        server.kill.cancel();
        server.connections.wait().await;
    }
}

struct Server {
    context: Arc<Context>,
    connections: TaskTracker,
    permits: Arc<Semaphore>,
    shutdown: CancellationToken,
    /// After [`GRACE`].
    kill: CancellationToken,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let accepting = async {
            loop {
                // It is never closed.
                let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        self.connections.spawn(Arc::clone(&self).connection(stream, peer, permit));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "connection not accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        self.shutdown.run_until_cancelled(accepting).await;
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _permit: OwnedSemaphorePermit) {
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, %peer, "connection not prepared");
        }
        let busy = Arc::new(Busy::new());
        let builder = builder();
        let service = service_fn(|request| {
            let (context, guard) = (Arc::clone(&self.context), busy.begin());
            let peer: IpAddr = peer.ip();
            async move {
                let response = respond(&context, request, peer).await;
                Ok::<Response<Body>, std::convert::Infallible>(
                    response.map(|body| body::holding(body, guard)),
                )
            }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut idle = pin!(busy.idle());
        let mut ending = false;
        loop {
            tokio::select! {
                served = connection.as_mut() => {
                    if let Err(error) = served {
                        tracing::debug!(%error, %peer, "connection ended");
                    }
                    return;
                }
                () = self.shutdown.cancelled(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.kill.cancelled() => return,
                () = idle.as_mut() => return,
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .keep_alive_interval(KEEP_ALIVE);
    builder
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // A fragment goes out when it is there, not when the one before it was acknowledged.
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    Ok(rustix::net::sockopt::set_tcp_keepidle(stream, KEEP_ALIVE)?)
}

/// How many requests of a connection are in flight, bodies included, and since when there is none. Looked at now and
/// then: waking the connection's task for each request would cost more than some requests do.
struct Busy {
    requests: AtomicUsize,
    began: Instant,
    /// Milliseconds from the beginning to the end of the last request; 0 before that.
    ended_ms: AtomicU64,
}

struct Guard(Arc<Busy>);

impl Busy {
    fn new() -> Self {
        Self { requests: AtomicUsize::new(0), began: Instant::now(), ended_ms: AtomicU64::new(0) }
    }

    fn begin(self: &Arc<Self>) -> Guard {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Guard(Arc::clone(self))
    }

    /// Returns once there was no request for [`IDLE_TIMEOUT`], or none at first for [`HEADER_TIMEOUT`].
    async fn idle(&self) {
        tokio::time::sleep_until(self.began + HEADER_TIMEOUT).await;
        loop {
            // A request in flight may end right now, and the timeout begins then.
            let in_flight = self.requests.load(Ordering::Relaxed) > 0;
            let since = match self.ended_ms.load(Ordering::Relaxed) {
                _ if in_flight => Instant::now(),
                0 => return,
                ended_ms => self.began + Duration::from_millis(ended_ms),
            };
            if since.elapsed() >= IDLE_TIMEOUT {
                return;
            }
            tokio::time::sleep_until(since + IDLE_TIMEOUT).await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let ended_ms = self.0.began.elapsed().as_millis() as u64;
        self.0.ended_ms.store(ended_ms.max(1), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}
