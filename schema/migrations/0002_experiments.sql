CREATE TABLE `experiment_cells` (
	`experiment` text NOT NULL,
	`arm` text NOT NULL,
	`context` text NOT NULL,
	`shares` text NOT NULL,
	`day` integer NOT NULL,
	`exposures` integer NOT NULL,
	`conversions` integer NOT NULL,
	PRIMARY KEY(`experiment`, `arm`, `context`, `shares`, `day`)
);
--> statement-breakpoint
CREATE TABLE `experiment_exposures` (
	`customer_id` text NOT NULL,
	`experiment` text NOT NULL,
	`arm` text NOT NULL,
	`context` text NOT NULL,
	`shares` text NOT NULL,
	`day` integer NOT NULL,
	`converted` integer NOT NULL,
	PRIMARY KEY(`customer_id`, `experiment`)
);
--> statement-breakpoint
CREATE TABLE `experiment_snapshots` (
	`version` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`experiment` text NOT NULL,
	`made_at` integer NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `experiment_snapshots_by_experiment` ON `experiment_snapshots` (`experiment`,`version`);