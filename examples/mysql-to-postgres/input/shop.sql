create database if not exists shop character set utf8mb4;
use shop;
create table if not exists orders (
  id bigint unsigned not null primary key,
  ordered_at timestamp(3) not null,
  customer varchar(80) not null,
  status enum('open', 'paid', 'shipped') not null,
  total decimal(10, 2) not null,
  gift tinyint(1) not null default 0,
  delivery time,
  details json
);
replace into orders values
  (1, '2025-12-31 23:59:59.999', 'Ada Lovelace', 'paid', 12.50, 0, null, null),
  (2, '2026-01-02 08:15:00.250', 'Grüße & Co', 'paid', 99.90, 1, '14:30:00', '{"items": [1, 2]}'),
  (3, '2026-01-02 09:00:00.000', 'Åse "Sey" Ñandú', 'open', 5.00, 0, null, '{}'),
  (4, '2026-01-03 10:30:00.125', '東京商店', 'shipped', 1234567.89, 0, '08:00:00', null),
  (9007199254740993, '2026-01-04 00:00:00.000', 'A tab	and a \\ 🎉', 'shipped', 0.01, 1, null, '[]');
