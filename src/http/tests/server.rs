//! Connections, over loopback.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fixture::{Service, VIDEO, service};
use crate::encoder::StreamError;
use crate::http::feed::Kind;
use crate::http::serve;

async fn served(service: &Service) -> (TcpStream, CancellationToken, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(vec![listener], Arc::clone(&service.context), stop.clone()));
    (TcpStream::connect(address).await.unwrap(), stop, server)
}

async fn ask(connection: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
}

/// Reads until what came ends with `end`.
async fn read_to(connection: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(
            connection.read_u8().await.unwrap_or_else(|error| panic!("{error} after {text}")),
        ));
    }
    text
}

#[tokio::test]
async fn one_connection_serves_request_after_request_until_the_service_ends() {
    let service = service();
    let (mut connection, stop, server) = served(&service).await;
    for _ in 0..2 {
        ask(&mut connection, "/healthz").await;
        let reply = read_to(&mut connection, "ok\n").await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    }
    stop.cancel();
    server.await.unwrap();
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_answer_in_flight_is_finished_when_the_service_ends() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let (mut connection, stop, server) = served(&service).await;
    service.segment(&["abc"], None);
    ask(&mut connection, &format!("/media/{id}/{VIDEO}/0.m4s")).await;
    let head = read_to(&mut connection, "3\r\nabc\r\n").await;
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    stop.cancel();
    service.segment(&["abc", "de"], Some(Ok(())));
    read_to(&mut connection, "2\r\nde\r\n0\r\n\r\n").await;
    server.await.unwrap();
}

#[tokio::test]
async fn events_come_at_once_and_end_properly_with_the_service() {
    let service = service();
    let (mut connection, stop, server) = served(&service).await;
    ask(&mut connection, "/api/events").await;
    let head = read_to(&mut connection, "\n\n\r\n").await;
    assert!(head.contains("transfer-encoding: chunked") && head.contains("text/event-stream"), "{head}");
    service.context.feed.publish(Kind::Scan, &7);
    let event = read_to(&mut connection, "\n\n\r\n").await;
    assert!(event.ends_with("\nevent: scan\ndata: 7\n\n\r\n"), "{event}");
    stop.cancel();
    assert_eq!(read_to(&mut connection, "0\r\n\r\n").await, "0\r\n\r\n");
    server.await.unwrap();
}

#[tokio::test]
async fn a_segment_that_breaks_off_ends_without_its_last_chunk() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let (mut connection, stop, server) = served(&service).await;
    service.segment(&["abc"], None);
    ask(&mut connection, &format!("/media/{id}/{VIDEO}/0.m4s")).await;
    read_to(&mut connection, "3\r\nabc\r\n").await;
    service.segment(&["abc"], Some(Err(StreamError::Damaged("it ends".to_owned()))));
    let mut rest = Vec::new();
    // Either end is a broken transfer to the client.
    let _ = connection.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:?}");
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn head_of_a_segment_claims_no_length() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let (mut connection, stop, server) = served(&service).await;
    let request = format!("HEAD /media/{id}/{VIDEO}/0.m4s HTTP/1.1\r\nhost: localhost\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let head = read_to(&mut connection, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("\ncontent-length:"), "{head}");
    // The next answer follows at once: there was no body.
    ask(&mut connection, "/healthz").await;
    assert!(read_to(&mut connection, "ok\n").await.starts_with("HTTP/1.1 200 "));
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn http_2_is_spoken_to_those_who_begin_with_it() {
    let service = service();
    let (mut connection, stop, server) = served(&service).await;
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    connection.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3..], [4, 0, 0, 0, 0, 0], "a SETTINGS frame");
    drop(connection);
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn garbage_ends_its_connection_and_no_other() {
    let service = service();
    let (mut connection, stop, server) = served(&service).await;
    let address = connection.peer_addr().unwrap();
    for garbage in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", &[b'a'; 70_000]] {
        let mut stranger = TcpStream::connect(address).await.unwrap();
        let _ = stranger.write_all(garbage).await;
        let mut reply = Vec::new();
        let _ = stranger.read_to_end(&mut reply).await;
        assert!(!reply.starts_with(b"HTTP/1.1 200"), "{reply:?}");
    }
    ask(&mut connection, "/healthz").await;
    read_to(&mut connection, "ok\n").await;
    stop.cancel();
    server.await.unwrap();
}
