//! m
use ringfence_adapters::{promises::*, sqlite::SqliteStore};
use ringfence_core::{audit::Head, stores::*};
use std::{path::Path, sync::Arc, time::Instant};
#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let p = Path::new(&dir).join("m.db");
    let full = std::env::args().nth(2).is_some();
    let s = Arc::new(SqliteStore::open(&p).unwrap());
    let payload = vec![b'x'; 300];
    if full {
        let st = "s".parse().unwrap();
        let mut h = s.head(&st).unwrap();
        let mut n = 0;
        let filler = Path::new(&dir).join("filler");
        let mut f = std::fs::File::create(&filler).unwrap();
        use std::io::Write;
        while f.write_all(&[0; 4096]).is_ok() {}
        drop(f);
        let mut bad = None;
        while n < 100000 {
            let r = record(&st, h, &payload);
            match s.append(vec![r.clone()]).durable().await {
                Ok(()) => {
                    h = head_of(&r);
                    n += 1
                }
                e => {
                    bad = Some(e);
                    break;
                }
            }
        }
        println!("full after {n}: {bad:?}; head same {}", s.head(&st).unwrap() == h);
        println!("opening while full: {:?}", SqliteStore::open(&p).map(drop));
        println!("new store while full: {:?}", SqliteStore::open(&Path::new(&dir).join("new.db")).map(drop));
        std::fs::remove_file(&filler).unwrap();
        let r = record(&st, h, &payload);
        println!("healed: {:?}", s.append(vec![r]).durable().await);
        println!("new store healed: {:?}", SqliteStore::open(&Path::new(&dir).join("new.db")).map(drop));
        return;
    }
    let st = "one".parse().unwrap();
    let mut h = s.head(&st).unwrap();
    let t = Instant::now();
    for _ in 0..2000 {
        let r = record(&st, h, &payload);
        s.append(vec![r.clone()]).durable().await.unwrap();
        h = head_of(&r);
    }
    println!("1 writer {:.0}/s", 2000.0 / t.elapsed().as_secs_f64());
    let t = Instant::now();
    let mut js = vec![];
    for w in 0..64 {
        let s = s.clone();
        let payload = payload.clone();
        js.push(tokio::spawn(async move {
            let st = format!("task/w{w}").parse().unwrap();
            let mut h = s.head(&st).unwrap();
            for _ in 0..500 {
                let r = record(&st, h, &payload);
                s.append(vec![r.clone()]).durable().await.unwrap();
                h = head_of(&r);
            }
        }));
    }
    for j in js {
        j.await.unwrap();
    }
    println!("64 writers {:.0}/s", 32000.0 / t.elapsed().as_secs_f64());
    drop(s);
    let t = Instant::now();
    let s = SqliteStore::open(&p).unwrap();
    println!("open {} KiB {:?}", std::fs::metadata(&p).unwrap().len() / 1024, t.elapsed());
    let t = Instant::now();
    println!("{} streams {:?}", s.streams("").unwrap().len(), t.elapsed());
    let t = Instant::now();
    println!("{} read {:?}", s.read(&"one".parse().unwrap(), 0, usize::MAX).unwrap().len(), t.elapsed());
    let q = Path::new(&dir).join("small.db");
    let s = SqliteStore::open(&q).unwrap();
    s.append(records(&"z".parse().unwrap(), Head::default(), (0..600).map(|_| &[b'x'; 1000][..])))
        .durable()
        .await
        .unwrap();
    drop(s);
    for _ in 0..3 {
        let t = Instant::now();
        let s = SqliteStore::open(&q).unwrap();
        println!("open small {} KiB {:?}", std::fs::metadata(&q).unwrap().len() / 1024, t.elapsed());
        drop(s);
    }
    let q = Path::new(&dir).join("fresh.db");
    let t = Instant::now();
    let _s = SqliteStore::open(&q).unwrap();
    println!("create {:?}", t.elapsed());
}
