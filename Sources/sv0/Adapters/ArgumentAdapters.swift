public import ArgumentParser
public import Model

extension Platform: ExpressibleByArgument {}
extension Priority: ExpressibleByArgument {}
