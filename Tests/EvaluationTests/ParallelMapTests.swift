import Testing

@testable import Evaluation

@Suite struct ParallelMapTests {
  @Test(arguments: [0, 1, 15, 16, 17, 256, 4095, 4096, 4097, 100_000])
  func itIsMap(count: Int) {
    let numbers = Array(0..<count)
    #expect(numbers.parallelMap { $0 * 3 } == numbers.map { $0 * 3 })
    #expect((7..<7 + count).parallelMap { $0 } == Array(7..<7 + count))
  }
}
