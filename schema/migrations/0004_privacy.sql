CREATE TABLE `access_log` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`customer_hash` text NOT NULL,
	`key` text NOT NULL,
	`route` text NOT NULL,
	`request_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `access_log_by_customer` ON `access_log` (`customer_hash`,`id`);--> statement-breakpoint
CREATE INDEX `access_log_by_at` ON `access_log` (`at`);--> statement-breakpoint
CREATE TABLE `erased` (
	`hash` text PRIMARY KEY NOT NULL,
	`erased_at` integer NOT NULL
);
